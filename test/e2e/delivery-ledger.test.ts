import { expect, test } from 'vitest'
import { DeliveryLedger } from './delivery-ledger.ts'

const delivery = (offset: number, generation = 1, pid = 10) => ({ pid, partition: 0, generation, offset })

test('records in order, and again under a later ownership, are all right', () => {
  const ledger = new DeliveryLedger()
  for (const offset of [0, 1, 2]) ledger.delivered(delivery(offset))
  for (const offset of [1, 2, 3]) ledger.delivered(delivery(offset, 2, 11))
  for (const offset of [0, 3, 3, 4]) ledger.committed(0, offset)
  expect(ledger.problems).toEqual([])
  expect([ledger.deliveries, ledger.repeated]).toEqual([6, 2])
  expect([ledger.missing(0, 4), ledger.missing(0, 6), ledger.missing(1, 3)]).toEqual([0, 2, 3])
  expect([ledger.generationOf(0, 10), ledger.generationOf(0, 11), ledger.generationOf(0, 12)]).toEqual([
    1,
    2,
    undefined,
  ])
})

test.each([
  ['a gap', [delivery(0), delivery(2)], 'follows 0'],
  ['a repetition', [delivery(0), delivery(0)], 'follows 0'],
  ['two owners', [delivery(0), delivery(1, 1, 11)], "is of process 10's ownership"],
])('%s within an ownership is caught', (_name, deliveries, problem) => {
  const ledger = new DeliveryLedger()
  for (const each of deliveries) ledger.delivered(each)
  expect(ledger.problems).toEqual([expect.stringContaining(problem)])
})

test('a commit that moves back is caught', () => {
  const ledger = new DeliveryLedger()
  ledger.committed(0, 3)
  ledger.committed(0, 2)
  ledger.committed(0, 4)
  expect(ledger.problems).toEqual([expect.stringContaining('moved back, from 3 to 2')])
})
