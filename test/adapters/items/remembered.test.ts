import { describe, expect, test } from 'vitest'
import { Remembered } from '../../../src/adapters/items/remembered.ts'

const bytes = (...values: number[]) => Uint8Array.from(values)

describe('what items mean is remembered', () => {
  test('for the same bytes, in whatever memory, and for no others', () => {
    const remembered = new Remembered<string>(100, value => value)
    remembered.note('key', bytes(1, 2), 'one, two')
    expect(remembered.find('key', bytes(1, 2))).toBe('one, two')
    expect(remembered.find('key', bytes(1, 3))).toBeUndefined()
    expect(remembered.find('key', bytes(1, 2, 3))).toBeUndefined()
    expect(remembered.find('other', bytes(1, 2))).toBeUndefined()
  })

  test('with the newest bytes of each', () => {
    const remembered = new Remembered<string>(100, value => value)
    remembered.note('key', bytes(1), 'one')
    remembered.note('key', bytes(2), 'two')
    expect(remembered.find('key', bytes(1))).toBeUndefined()
    expect(remembered.find('key', bytes(2))).toBe('two')
  })

  test('within its bytes: the oldest is forgotten, also one that is too large by itself', () => {
    const remembered = new Remembered<string>(4, value => value)
    remembered.note('a', bytes(1, 1), 'a')
    remembered.note('b', bytes(2, 2), 'b')
    remembered.note('a', bytes(3, 3), 'a again')
    remembered.note('c', bytes(4), 'c')
    expect(remembered.find('b', bytes(2, 2))).toBeUndefined()
    expect(remembered.find('a', bytes(3, 3))).toBe('a again')
    remembered.note('large', new Uint8Array(5), 'large')
    expect(remembered.find('large', new Uint8Array(5))).toBeUndefined()
    expect(remembered.find('a', bytes(3, 3))).toBeUndefined()
  })

  test('as a value of its own', () => {
    const remembered = new Remembered<{ readonly said: string }>(100, ({ said }) => ({ said }))
    const value = { said: 'before' }
    remembered.note('key', bytes(1), value)
    value.said = 'after'
    expect(remembered.find('key', bytes(1))).toEqual({ said: 'before' })
  })
})
