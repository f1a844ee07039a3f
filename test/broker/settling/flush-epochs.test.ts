import { beforeEach, describe, expect, test } from 'vitest'
import { flush } from '../../../src/broker/settling/flush.ts'
import { firstIngest, type Ingest } from '../../../src/core/ingest/ingest.ts'
import type { Head } from '../../../src/core/log/head.ts'
import { isDead, makeBlock } from '../../../src/core/log/tail.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import type { PartitionId } from '../../../src/core/topic/partition-id.ts'
import { everyEntry, freshPartition, inlineEntry, objectEntry } from '../../conformance/samples.ts'
import { Harness } from '../harness.ts'

let harness: Harness
let partition: PartitionId
let ingest: Ingest

beforeEach(async () => {
  harness = new Harness()
  partition = freshPartition()
  ingest = firstIngest(harness.clock.nowMs(), 'v1')
  await harness.plain.upkeep.putIngest(ingest, undefined)
  await harness.plain.index.createHead(partition, 0)
})

async function setEpoch(epoch: number): Promise<void> {
  const next = { ...ingest, epoch, version: `v${epoch}` }
  expect(await harness.plain.upkeep.putIngest(next, ingest.version)).toBe(true)
  ingest = next
}

async function head(): Promise<Head> {
  return (await harness.plain.index.readHead(partition))!
}

async function append(...spans: readonly number[]): Promise<void> {
  for (const span of spans) {
    const { nextOffset } = await head()
    await harness.plain.index.append(partition, inlineEntry(span), nextOffset)
  }
}

async function flushAll(seen?: Head): Promise<Head> {
  const deadlineMs = harness.clock.monotonicMs() + 30_000
  const request = { partition, age: 'all' as const, ...(seen && { head: seen }) }
  const [result] = await harness.run(flush(harness.ports, [request], deadlineMs))
  if (result?.status !== 'fulfilled') throw result?.reason
  return result.value!
}

async function epochs(): Promise<(number | false)[]> {
  const blocks = await harness.plain.index.readBlocks(partition, toOffset(0), 10)
  return blocks.flatMap(({ entries }) => entries.map(({ place }) => place.kind === 'object' && place.epoch))
}

test('what was inline bears the epoch in which it was moved, what was not its own', async () => {
  await harness.plain.index.append(partition, objectEntry(2), toOffset(0))
  await setEpoch(5)
  await append(1)
  expect((await flushAll()).tailOffset).toBe(3)
  expect(await epochs()).toEqual([0, 5])
})

test('all up to the last entry of an older epoch can be cut, and nothing behind it', async () => {
  for (const epoch of [3, 1, 4]) {
    const entry = objectEntry(1)
    const place = { ...entry.place, epoch } as typeof entry.place
    await harness.plain.index.append(partition, { ...entry, place }, (await head()).nextOffset)
  }
  const deadlineMs = harness.clock.monotonicMs() + 30_000
  const [result] = await harness.run(
    flush(harness.ports, [{ partition, age: { epochsBelow: 3 } }], deadlineMs),
  )
  expect(result).toMatchObject({ status: 'fulfilled', value: { tailOffset: 2 } })
})

describe('a block whose bytes are of an epoch that is over', () => {
  /** Put by somebody who sleeps since then. */
  async function putSleeping(count: number) {
    const seen = await head()
    const moved = seen.tail.slice(0, count).map(entry => ({
      ...entry,
      place: { ...objectEntry(1).place, epoch: 1 } as typeof entry.place,
    }))
    return await harness.plain.index.putBlock(partition, makeBlock(seen, moved))
  }

  test('is replaced, and whoever put it cannot cut the tail by it any more', async () => {
    await append(1, 2, 3)
    const asleep = await putSleeping(2)
    await harness.plain.index.raiseFloor(partition, 3)
    await setEpoch(4)
    expect(isDead(await head(), asleep)).toBe(true)
    expect((await flushAll()).tailOffset).toBe(6)
    expect(await epochs()).toEqual([4, 4, 4])
    const changes = { flushedProducers: new Map(), retired: new Map() }
    expect(await harness.plain.index.trimTail(partition, asleep, changes, 1)).toBe(undefined)
    expect([...(await everyEntry(harness.plain.index, partition)).values()]).toEqual([0, 1, 3])
  })

  test('is not taken for dead by a head that is too old to show all of its entries', async () => {
    await append(1)
    const old = await head()
    await append(2, 3)
    const standing = await putSleeping(3)
    // By the old head, whose floor is as low as it was, the block counts.
    expect((await flushAll(old)).tailOffset).toBe(6)
    expect(await harness.plain.index.readBlocks(partition, toOffset(0), 1)).toEqual([standing])
  })

  test('is replaced by a flusher that had an older head, once that has looked', async () => {
    await append(1)
    const old = await head()
    await append(2, 3)
    await putSleeping(3)
    await harness.plain.index.raiseFloor(partition, 3)
    await setEpoch(4)
    const after = await flushAll(old)
    expect(after.tailOffset).toBeGreaterThan(0)
    await flushAll()
    expect([...(await everyEntry(harness.plain.index, partition)).values()]).toEqual([0, 1, 3])
    expect(await epochs()).toEqual([4, 4, 4])
  })
})

test('a flush whose own epoch ends before its cut brings its bytes anew', async () => {
  await append(1, 2)
  harness.around = async (method, _, call) => {
    const answer = await call()
    if (method === 'putBlock' && ingest.epoch === 1) {
      await harness.plain.index.raiseFloor(partition, 3)
      await setEpoch(4)
    }
    return answer
  }
  expect((await flushAll()).tailOffset).toBe(3)
  expect(await epochs()).toEqual([4, 4])
})

test('a block that was put where all has settled since goes again', async () => {
  await append(1)
  const old = await head()
  const index = harness.plain.index
  await flushAll()
  const segment = {
    baseOffset: toOffset(0),
    end: toOffset(1),
    id: '0'.repeat(32),
    bytes: 1,
    footerBytes: 1,
    records: 1,
    writes: 2,
    loggedBytes: 1,
    maxTimestampMs: 1,
    firstTimestampMs: 1,
    createdMs: 1,
    startOffset: toOffset(0),
    tombstonesMs: 0,
  }
  await index.putSegment(partition, 'rolled', segment)
  await index.rearrange(partition, { kind: 'settle', segment, nowMs: 1 })
  await index.removeBlocksBelow(partition, toOffset(1))
  await flushAll(old)
  expect(await index.readBlocks(partition, toOffset(0), 10)).toEqual([])
})
