import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  LAMBDA_EVENT_BYTES_MAX,
  MAINTENANCE_LANES,
  MAINTENANCE_WAKE_PARTITIONS_MAX,
  TRANSACTIONAL_ID_CHARACTERS_MAX,
} from '../../src/core/limits.ts'
import {
  maintenanceCalls,
  maintenanceLane,
  readMaintenanceCall,
  transactionCalls,
} from '../../src/core/maintenance-call.ts'
import { transactionKey } from '../../src/core/storage-transactions.ts'
import { partitionKey, partitionsOf } from '../../src/core/topic/partition-id.ts'

test('calls name each partition once, in its lane, and no more than fit', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(9_999), { maxLength: 3_000 }), numbers => {
      const partitions = numbers.map(partition => ({ topicId: 'a', partition }))
      const named = maintenanceCalls(partitions).flatMap(({ lane, partitions: some, upkeep }) => {
        if (some === 'all') throw new Error('all were not asked for')
        expect(upkeep).toBe(false)
        expect(some.length).toBeLessThanOrEqual(MAINTENANCE_WAKE_PARTITIONS_MAX)
        for (const each of some) expect(maintenanceLane(each)).toBe(lane)
        return some
      })
      expect(named.map(partitionKey).toSorted()).toEqual(partitions.map(partitionKey).toSorted())
    }),
    { numRuns: 50 },
  )
})

test('lanes have about the same', () => {
  const counts = Array(MAINTENANCE_LANES).fill(0)
  for (const each of partitionsOf({ topicId: '0'.repeat(32), partitions: 4_000 }))
    counts[maintenanceLane(each)] += 1
  for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(150)
})

test("one run sees to what is the whole store's", () => {
  for (const work of ['upkeep', 'everything'] as const) {
    expect(maintenanceCalls(work).filter(({ upkeep }) => upkeep)).toHaveLength(1)
  }
  expect(maintenanceCalls('everything').map(({ lane }) => lane)).toEqual([0, 1, 2, 3])
  expect(maintenanceCalls([])).toEqual([])
})

test.each(['a', '\u0001', '/', '\u20ac', '\u{1f30a}'])(
  'calls for transactions whose ids are made of %j are no larger than an event may be',
  character => {
    const id = (nth: number) => character.repeat(TRANSACTIONAL_ID_CHARACTERS_MAX / character.length - 4) + nth
    const keys = Array.from({ length: 1_000 }, (_, nth) => transactionKey(id(nth)))
    const calls = transactionCalls(keys)
    expect(calls.flatMap(({ transactions }) => transactions)).toEqual(keys)
    for (const call of calls)
      expect(Buffer.byteLength(JSON.stringify(call))).toBeLessThanOrEqual(LAMBDA_EVENT_BYTES_MAX)
  },
)

test('a call is read back from JSON as it was', () => {
  const calls = [
    ...transactionCalls(['transaction#billing']),
    ...maintenanceCalls('everything'),
    ...maintenanceCalls('upkeep'),
    ...maintenanceCalls([{ topicId: 'a', partition: 3 }]),
  ]
  for (const call of calls) expect(readMaintenanceCall(JSON.parse(JSON.stringify(call)))).toEqual(call)
})
