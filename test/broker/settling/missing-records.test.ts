import { beforeEach, describe, expect, test } from 'vitest'
import type { LogBroker } from '../../../src/broker/log-broker.ts'
import { flush } from '../../../src/broker/settling/flush.ts'
import { toOffset, toPosition } from '../../../src/core/numbers.ts'
import { ingestKey, logObjectKey } from '../../../src/core/storage-layout.ts'
import type { PartitionId } from '../../../src/core/topic/partition-id.ts'
import { batchOf } from '../harness.ts'
import { SettlingHarness } from './settling-harness.ts'

const TIDES = { topic: 'tides', partition: 0 }

let harness: SettlingHarness
let broker: LogBroker
let tides: PartitionId
let ebbs: PartitionId

beforeEach(async () => {
  harness = new SettlingHarness()
  broker = harness.open()
  for (const topic of ['tides', 'ebbs']) await harness.run(broker.createTopic({ topic }))
  tides = await harness.partitionId('tides')
  ebbs = await harness.partitionId('ebbs')
})

/** Appends calls of one record each, and cuts them off into a block; gives the keys of their objects. */
async function produce(topic: string, count: number): Promise<string[]> {
  const partition = await harness.partitionId(topic)
  for (let number = 0; number < count; number += 1) {
    const batches = batchOf([`record ${number}`], { padding: 8_000 })
    await harness.run(broker.produce({ topic, partition: 0, batches }))
  }
  const { tail } = await harness.head(partition)
  const deadlineMs = harness.clock.monotonicMs() + 10_000
  const age = { epochsBelow: Number.POSITIVE_INFINITY }
  await harness.run(flush(harness.ports, [{ partition, age }], deadlineMs))
  return tail.map(({ place }) => `${place.kind === 'object' && ingestKey(place)}`)
}

/** Removes an object; what it gives brings it back. */
async function remove(key: string): Promise<() => Promise<void>> {
  const bytes = (await harness.plain.objects.get(key, toPosition(0), 2 ** 30))!
  await harness.plain.objects.remove(key)
  return () => harness.plain.objects.put(key, [bytes])
}

async function readAt(offset: number): Promise<string | number> {
  const request = { ...TIDES, offset: toOffset(offset), maxBytes: 1 }
  try {
    return (await harness.run(broker.fetch(request))).nextOffset
  } catch (error) {
    return (error as { kafkaName: string }).kafkaName
  }
}

const settledOffset = async (partition: PartitionId) => (await harness.head(partition)).settled.settledOffset
const drained = async () => (await harness.plain.upkeep.readIngest())?.drained

const stuck = (from: number, to: number) => ({
  isDone: true,
  failed: [
    {
      ...TIDES,
      reason: expect.stringContaining(`Offsets ${from} to ${to} cannot be settled`),
    },
  ],
})

describe('an object that is gone before it was rolled', () => {
  test('stops its partition there, and nothing else; it goes on once the object is back', async () => {
    await produce('tides', 3)
    const [, key] = await produce('tides', 3)
    await produce('tides', 3)
    await produce('ebbs', 3)
    const bringBack = await remove(key!)
    for (let times = 0; times < 3; times += 1) {
      expect(await harness.maintain({ isForced: true, upkeep: false })).toMatchObject(stuck(4, 4))
      // Whole blocks are rolled: the one that it is in stays.
      expect(await settledOffset(tides)).toBe(3)
    }
    expect(await settledOffset(ebbs)).toBe(3)
    // What it has tried to upload is not there, and nothing is kept for it.
    expect(await harness.notes()).toEqual([])
    const found = []
    for (let offset = 0; offset < 9; offset += 1) found.push(await readAt(offset))
    expect(found).toEqual([1, 2, 3, 4, 'KAFKA_STORAGE_ERROR', 6, 7, 8, 9])
    await bringBack()
    expect(await harness.maintain({ isForced: true, upkeep: false })).toMatchObject({ failed: [] })
    expect(await settledOffset(tides)).toBe(9)
    expect((await harness.settledRecords(tides)).map(({ offset }) => offset)).toEqual(
      Array.from({ length: 9 }, (_, offset) => offset),
    )
    expect(await harness.problems(tides)).toEqual([])
  })

  test('keeps the objects of its epochs, and all later ones, until that is settled', async () => {
    const [key] = await produce('tides', 3)
    await produce('ebbs', 3)
    const bringBack = await remove(key!)
    // Others' objects, as well.
    const before = (await harness.objects('ingest/')).length
    for (let round = 0; round < 5; round += 1) {
      await harness.pass(10_000)
      const { failed } = await harness.maintain()
      expect(failed.map(({ topic }) => topic)).toContain('tides')
    }
    expect(await drained()).toBe(0)
    expect(await harness.objects('ingest/')).toHaveLength(before)
    await bringBack()
    for (let round = 0; round < 20; round += 1) {
      await harness.pass(20_000)
      expect(await harness.maintain()).toMatchObject({ failed: [] })
    }
    expect(await drained()).toBeGreaterThan(0)
    expect(await harness.objects('ingest/')).toEqual([])
    expect(await harness.settledRecords(tides)).toHaveLength(3)
  })

  test('is given up where somebody says so, in that partition alone', async () => {
    const [key] = await produce('tides', 3)
    const [other] = await produce('ebbs', 3)
    await remove(key!)
    await remove(other!)
    const acceptsLossOf = [TIDES, { topic: 'ebbs', partition: 1 }]
    const { failed } = await harness.maintain({ isForced: true, acceptsLossOf })
    expect(new Set(failed.map(({ topic }) => topic))).toEqual(new Set(['ebbs']))
    expect(harness.progress).toContainEqual({
      ...{ kind: 'lost', ...TIDES },
      error: expect.objectContaining({ message: expect.stringContaining('Offsets 0 to 0 are given up') }),
    })
    expect(await settledOffset(tides)).toBe(3)
    expect([await readAt(0), await readAt(1), await readAt(2)]).toEqual(['CORRUPT_MESSAGE', 2, 3])
  })

  test('does not matter any more where the log starts behind it', async () => {
    const [key] = await produce('tides', 3)
    await produce('tides', 3)
    await remove(key!)
    expect(await harness.maintain({ isForced: true, upkeep: false })).toMatchObject(stuck(0, 0))
    // In the midst of its block, which stays; then behind that.
    for (const beforeOffset of [toOffset(1), toOffset(3)]) {
      await harness.run(broker.deleteRecords({ ...TIDES, beforeOffset }))
      expect(await harness.maintain({ isForced: true, upkeep: false })).toMatchObject({ failed: [] })
      expect(await settledOffset(tides)).toBe(6)
      expect((await harness.segments(tides)).some(({ segment }) => segment.lost)).toBe(false)
      const records = await harness.settledRecords(tides)
      expect(records.map(({ offset }) => offset)).toEqual(
        [1, 2, 3, 4, 5].filter(each => each >= beforeOffset),
      )
      expect(await harness.problems(tides)).toEqual([])
    }
  })
})

describe('an object that is gone after it was rolled', () => {
  test('stops what would be merged of it, and rolling goes on; a mark that stands is merged on', async () => {
    const [key] = await produce('tides', 3)
    await remove(key!)
    await harness.maintain({ upkeep: false, acceptsLossOf: [TIDES] })
    await produce('tides', 3)
    await harness.maintain({ isForced: true, upkeep: false })
    const [, second] = (await harness.segments(tides)).filter(({ level }) => level === 'rolled')
    const bringBack = await remove(logObjectKey(tides, second!.segment.baseOffset, second!.segment.id))
    await produce('tides', 3)
    expect(await harness.maintain({ isForced: true, upkeep: false })).toMatchObject(stuck(3, 5))
    const { settled } = await harness.head(tides)
    expect([settled.settledOffset, settled.mergedOffset]).toEqual([9, 0])
    await bringBack()
    expect(await harness.maintain({ isForced: true, upkeep: false })).toMatchObject({ failed: [] })
    expect((await harness.head(tides)).settled.mergedOffset).toBe(9)
    const merged = (await harness.segments(tides)).filter(({ level }) => level !== 'rolled')
    expect(merged.map(({ segment }) => segment.lost)).toEqual([1])
    expect([await readAt(0), await readAt(1), await readAt(4)]).toEqual(['CORRUPT_MESSAGE', 2, 5])
  })

  test('stops a pass of the cleaner, which goes on once the object is back', async () => {
    const configs = { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0' }
    await harness.run(broker.createTopic({ topic: 'heights', configs }))
    const heights = await harness.partitionId('heights')
    await produce('heights', 3)
    await harness.maintain({ isForced: true, upkeep: false })
    const { settled } = await harness.head(heights)
    const [first] = (await harness.segments(heights)).filter(({ level }) => level === settled.generation)
    const bringBack = await remove(logObjectKey(heights, first!.segment.baseOffset, first!.segment.id))
    await produce('heights', 3)
    const place = { topic: 'heights', partition: 0 }
    expect(await harness.maintain({ isForced: true, upkeep: false })).toMatchObject({ failed: [place] })
    const { generation, settledOffset } = (await harness.head(heights)).settled
    expect([generation, settledOffset]).toEqual([settled.generation, 6])
    await bringBack()
    await harness.maintain({ isForced: true, upkeep: false })
    expect((await harness.head(heights)).settled.generation).toBeGreaterThan(settled.generation)
    // Of each key the last one is left.
    expect((await harness.settledRecords(heights)).map(({ offset }) => offset)).toEqual([3, 4, 5])
    expect(await harness.problems(heights)).toEqual([])
  })
})
