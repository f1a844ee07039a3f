import { expect, test } from 'vitest'
import { ProduceLedger, recordValue } from './produce-ledger.ts'

const found = (offset: number, id: string, partition = 0) => ({
  partition,
  offset,
  value: recordValue(id, 50),
})

function ledger(): ProduceLedger {
  const known = new ProduceLedger()
  known.acknowledged(
    [
      { id: 'a', partition: 0 },
      { id: 'b', partition: 0 },
    ],
    0,
  )
  known.outcomeUnknown([{ id: 'maybe', partition: 0 }])
  known.refused([{ id: 'no', partition: 0 }])
  return known
}

test('a log that keeps every promise', () => {
  expect(ledger().check([found(0, 'a'), found(1, 'b')])).toEqual([])
  expect(ledger().check([found(0, 'a'), found(1, 'b'), found(2, 'maybe')])).toEqual([])
})

test.each([
  ['lost', [found(0, 'a')], 'b is lost'],
  ['moved', [found(0, 'b'), found(1, 'a')], 'b belongs to partition 0, offset 1'],
  ['twice', [found(0, 'a'), found(1, 'b'), found(2, 'a')], 'a is there twice'],
  ['a hole', [found(0, 'a'), found(1, 'b'), found(3, 'maybe')], 'expected offset 2'],
  ['refused and there', [found(0, 'a'), found(1, 'b'), found(2, 'no')], 'no was not written, it was said'],
  ['never sent', [found(0, 'a'), found(1, 'b'), found(2, 'c')], 'c was never sent'],
  ['another partition', [found(0, 'a'), found(1, 'b'), found(0, 'maybe', 1)], 'maybe was never sent there'],
  [
    'changed',
    [found(0, 'a'), { ...found(1, 'b'), value: Buffer.from('b/50/x') }],
    'a value that nobody sent',
  ],
])('%s is seen', (_name, log, problem) => {
  expect(ledger().check(log).join('\n')).toContain(problem)
})

test('what was once seen, or not, stays so', () => {
  const landed = ledger()
  landed.check([found(0, 'a'), found(1, 'b'), found(2, 'maybe')])
  expect(landed.check([found(0, 'a'), found(1, 'b')]).join()).toContain('maybe is lost')
  const absent = ledger()
  absent.check([found(0, 'a'), found(1, 'b')])
  expect(absent.check([found(0, 'a'), found(1, 'b'), found(2, 'maybe')]).join()).toContain('was not written')
})
