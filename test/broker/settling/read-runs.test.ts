import { beforeEach, describe, expect, test } from 'vitest'
import type { LogBroker } from '../../../src/broker/log-broker.ts'
import { flush } from '../../../src/broker/settling/flush.ts'
import { Moved, readRuns, segmentSource } from '../../../src/broker/settling/read-runs.ts'
import { RUN_READ_BYTES } from '../../../src/core/limits.ts'
import { toOffset, toPosition } from '../../../src/core/numbers.ts'
import { ingestKey, logObjectKey } from '../../../src/core/storage-layout.ts'
import type { PartitionId } from '../../../src/core/topic/partition-id.ts'
import { batchOf, numbered } from '../harness.ts'
import { SettlingHarness, TINY } from './settling-harness.ts'

let harness: SettlingHarness
let broker: LogBroker
let tides: PartitionId

beforeEach(async () => {
  harness = new SettlingHarness()
  broker = harness.open()
  await harness.run(broker.createTopic({ topic: 'tides' }))
  tides = await harness.partitionId('tides')
})

/** Appends calls of one record each, and cuts them off into blocks; gives the keys of their objects. */
async function produce(count: number, padding: number): Promise<string[]> {
  const { nextOffset } = await harness.head(tides)
  for (let number: number = nextOffset; number < nextOffset + count; number += 1) {
    const batches = batchOf([`record ${number}`], { padding })
    await harness.run(broker.produce({ topic: 'tides', partition: 0, batches }))
  }
  const keys = (await harness.head(tides)).tail.map(
    ({ place }) => place.kind === 'object' && ingestKey(place),
  )
  const age = { epochsBelow: Number.POSITIVE_INFINITY }
  const deadlineMs = harness.clock.monotonicMs() + 10_000
  await harness.run(flush(harness.ports, [{ partition: tides, age }], deadlineMs))
  return keys.map(String)
}

async function spoil(key: string, position: number): Promise<void> {
  const bytes = (await harness.plain.objects.get(key, toPosition(0), 2 ** 30))!
  bytes[position]! ^= 1
  await harness.plain.objects.put(key, [bytes])
}

/** What a reader finds at an offset. */
async function readAt(offset: number): Promise<string | number> {
  const request = { topic: 'tides', partition: 0, offset: toOffset(offset), maxBytes: 1 }
  try {
    return (await harness.run(broker.fetch(request))).nextOffset
  } catch (error) {
    return (error as { kafkaName: string }).kafkaName
  }
}

describe('what is damaged', () => {
  test('is rolled as it is, beside what is whole; what is given up is told as damaged', async () => {
    const keys = await produce(6, 8_000)
    await spoil(keys[1]!, 200)
    await harness.plain.objects.remove(keys[3]!)
    const acceptsLossOf = [{ topic: 'tides', partition: 0 }]
    expect(await harness.maintain({ acceptsLossOf })).toMatchObject({ isDone: true, failed: [] })
    const told = harness.progress.flatMap(each => (each.kind === 'lost' ? [each.error.message] : []))
    expect(new Set(told)).toEqual(new Set([expect.stringContaining('Offsets 3 to 3 are given up')]))
    expect(await harness.maintain({ isForced: true })).toMatchObject({ isDone: true, failed: [] })
    expect((await harness.head(tides)).settled.settledOffset).toBe(6)
    expect(await harness.problems(tides)).toEqual([])
    const found = []
    for (let offset = 0; offset < 6; offset += 1) found.push(await readAt(offset))
    expect(found).toEqual([1, 'CORRUPT_MESSAGE', 3, 'CORRUPT_MESSAGE', 5, 6])
  })

  test('is merged as it is, also where it lies between two pieces that are read', async () => {
    const size = 700_000
    for (let segment = 0; segment < 3; segment += 1) {
      await produce(4, size)
      await harness.maintain({ upkeep: false }, { ...TINY, mergeSegmentsMin: 100, mergeSegmentsMax: 100 })
    }
    await produce(9, size)
    await harness.maintain({ upkeep: false }, { ...TINY, mergeSegmentsMin: 100, mergeSegmentsMax: 100 })
    const segments = await harness.segments(tides)
    const last = segments.at(-1)!.segment
    expect(last.bytes).toBeGreaterThan(RUN_READ_BYTES)
    const key = logObjectKey(tides, last.baseOffset, last.id)
    await spoil(key, RUN_READ_BYTES + 100)
    await harness.maintain({ upkeep: false })
    expect((await harness.head(tides)).settled.mergedOffset).toBe(21)
    expect(await harness.problems(tides)).toEqual([])
    const found = []
    for (let offset = 0; offset < 21; offset += 1) found.push(await readAt(offset))
    const expected: (number | string)[] = Array.from({ length: 21 }, (_, offset) => offset + 1)
    const damaged = found.indexOf('CORRUPT_MESSAGE')
    expect(damaged).toBeGreaterThan(12)
    expected[damaged] = 'CORRUPT_MESSAGE'
    expect(found).toEqual(expected)
  })
})

test('an object that is gone since the log has moved on has the run begin anew', async () => {
  await produce(4, 8_000)
  await harness.maintain({ upkeep: false })
  const { segment } = (await harness.segments(tides))[0]!
  await harness.plain.objects.remove(logObjectKey(tides, segment.baseOffset, segment.id))
  const read = async (hasMoved: boolean) => {
    const runs = readRuns(harness.ports, [segmentSource(tides, segment)], async () => hasMoved, 1e9)
    const found = []
    for await (const { kind, baseOffset, end } of runs) found.push([kind, baseOffset, end])
    return found
  }
  expect(await harness.run(read(false))).toEqual([['lost', 0, 4]])
  await expect(harness.run(read(true))).rejects.toThrow(Moved)
})

test.each([
  ['a few small ones', 30, 1_000],
  ['smaller than a piece', 40, 200_000],
  ['larger than the room before a piece', 12, 700_000],
])('a segment of batches comes whole, piece by piece: %s', async (_, count, padding) => {
  await produce(count, padding)
  await harness.maintain({ isForced: true, upkeep: false })
  for (const { segment } of await harness.segments(tides)) {
    const key = logObjectKey(tides, segment.baseOffset, segment.id)
    const stored = (await harness.plain.objects.get(key, toPosition(0), segment.bytes))!
    const read = async () => {
      const pieces = []
      let next = segment.baseOffset
      const runs = readRuns(harness.ports, [segmentSource(tides, segment)], async () => false, 1e9)
      for await (const stretch of runs) {
        expect(stretch).toMatchObject({ kind: 'batches', baseOffset: next })
        // Its memory is used again.
        if (stretch.kind === 'batches') pieces.push(Uint8Array.from(stretch.bytes))
        next = stretch.end
      }
      expect(next).toBe(segment.end)
      return Buffer.concat(pieces)
    }
    expect((await harness.run(read())).equals(stored)).toBe(true)
  }
})

test('entries that lie side by side in an object are read together', async () => {
  for (let number = 0; number < 40; number += 1) {
    const batches = batchOf([`record ${number}`])
    await harness.run(broker.produce({ topic: 'tides', partition: 0, batches }))
  }
  await harness.pass(10_000)
  const deadlineMs = harness.clock.monotonicMs() + 10_000
  await harness.run(flush(harness.ports, [{ partition: tides, age: 'all' }], deadlineMs))
  await harness.run(flush(harness.ports, [{ partition: tides, age: 'all' }], deadlineMs))
  const { tailOffset } = await harness.head(tides)
  expect(tailOffset).toBe(40)
  const before = harness.count('get')
  await harness.maintain({ upkeep: false })
  expect(harness.count('get') - before).toBeLessThan(10)
  const records = await harness.settledRecords(tides)
  expect(records.map(({ value }) => value)).toEqual(numbered(0, 40))
})
