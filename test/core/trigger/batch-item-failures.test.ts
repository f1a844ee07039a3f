import { describe, expect, test } from 'vitest'
import { toOffset } from '../../../src/core/numbers.ts'
import { readFailures } from '../../../src/core/trigger/batch-item-failures.ts'

function read(answer: unknown) {
  return readFailures(answer, 'orders', 0, toOffset(100), toOffset(109))
}

function named(...itemIdentifiers: unknown[]): unknown {
  return { batchItemFailures: itemIdentifiers.map(itemIdentifier => ({ itemIdentifier })) }
}

describe('a partial answer', () => {
  test.each([
    [undefined],
    [null],
    [{}],
    [{ batchItemFailures: [] }],
    [{ batchItemFailures: null }],
    [{ statusCode: 200 }],
  ])('%j is success', answer => {
    expect(read(answer)).toEqual({ kind: 'none' })
  })

  test('has the documented form, and the lowest offset counts', () => {
    expect(read(named({ partition: 'orders-0', offset: 104 }))).toEqual({ kind: 'from', offset: 104 })
    const several = named(
      { partition: 'orders-0', offset: 107 },
      { partition: 'orders-0', offset: 102 },
      { partition: 'orders-0', offset: 105 },
    )
    expect(read(several)).toEqual({ kind: 'from', offset: 102 })
  })

  test('may give plain offsets, as numbers or text', () => {
    expect(read(named(103))).toEqual({ kind: 'from', offset: 103 })
    expect(read(named('103', 101))).toEqual({ kind: 'from', offset: 101 })
    expect(read(named(100))).toEqual({ kind: 'from', offset: 100 })
    expect(read(named(109))).toEqual({ kind: 'from', offset: 109 })
  })

  test.each([
    ['another partition', named({ partition: 'orders-1', offset: 104 })],
    ['another topic', named({ partition: 'order-0', offset: 104 })],
    ['no partition', named({ offset: 104 })],
    ['no offset', named({ partition: 'orders-0' })],
    ['an offset before the batch', named({ partition: 'orders-0', offset: 99 })],
    ['an offset behind the batch', named(110)],
    ['half an offset', named(104.5)],
    ['an empty name', named('')],
    ['a null name', named(null)],
    ['a name that is no number', named('1e2')],
    ['a wrong one beside a right one', named({ partition: 'orders-0', offset: 104 }, 'x')],
    ['a key of another name', { batchItemFailures: [{ ItemIdentifier: 104 }] }],
    ['an item that is no object', { batchItemFailures: [104] }],
    ['no list', { batchItemFailures: 'orders-0' }],
    ['text that holds what should have been an object', JSON.stringify(named(104))],
    ['a list', [104]],
  ])('with %s means that all failed, and says why', (_what, answer) => {
    expect(read(answer)).toEqual({
      kind: 'all',
      reason: expect.stringMatching(/^the function's answer .{10,}/),
    })
  })

  test('is quoted in short', () => {
    expect(JSON.stringify(read(named('x'.repeat(10_000)))).length).toBeLessThan(500)
  })
})
