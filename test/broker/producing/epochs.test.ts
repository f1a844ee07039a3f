import { beforeEach, describe, expect, test } from 'vitest'
import type { LogBroker } from '../../../src/broker/log-broker.ts'
import { firstIngest, type Ingest } from '../../../src/core/ingest/ingest.ts'
import { EPOCH_CACHE_MS, EPOCH_TRIES_MAX } from '../../../src/core/limits.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import type { PartitionId } from '../../../src/core/topic/partition-id.ts'
import { NotApplied, OutcomeUnknown } from '../../../src/ports/outcome.ts'
import { batchOf, Harness, joined, numbered, readAll } from '../harness.ts'

let harness: Harness
let broker: LogBroker
let tides: PartitionId
let ingest: Ingest

beforeEach(async () => {
  harness = new Harness()
  ingest = firstIngest(harness.clock.nowMs(), 'v1')
  await harness.plain.upkeep.putIngest(ingest, undefined)
  broker = harness.open()
  await harness.run(broker.createTopic({ topic: 'tides', partitions: 2 }))
  tides = await harness.partitionId('tides')
})

/** What is above what travels inline. */
const large = (value: string) => batchOf([value], { padding: 8_000 })
const produce = (value: string, partition = 0) =>
  harness.run(broker.produce({ topic: 'tides', partition, batches: large(value) }))

async function setEpoch(epoch: number): Promise<void> {
  const next = { ...ingest, epoch, version: `v${epoch}` }
  expect(await harness.plain.upkeep.putIngest(next, ingest.version)).toBe(true)
  ingest = next
}

async function objects(): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of harness.plain.objects.list())
    keys.push(key.slice(0, 'ingest/0000000001'.length))
  return keys
}

const values = async (partition = 0) =>
  (await harness.run(readAll(broker, { topic: 'tides', partition }))).map(({ value }) => value)

test('objects and their entries bear the epoch, which is asked for once in a while', async () => {
  await produce('a')
  await setEpoch(2)
  await produce('b')
  await harness.pass(EPOCH_CACHE_MS)
  await produce('c')
  expect(await objects()).toEqual(['ingest/0000000001', 'ingest/0000000001', 'ingest/0000000002'])
  const { tail } = (await harness.plain.index.readHead(tides))!
  expect(tail.map(({ place }) => place.kind === 'object' && place.epoch)).toEqual([1, 1, 2])
  expect(await values()).toEqual(['a', 'b', 'c'])
  expect(harness.count('readIngest')).toBeLessThanOrEqual(4)
})

test('a store without epochs has its objects where they always were', async () => {
  harness = new Harness()
  broker = harness.open()
  await harness.run(broker.createTopic({ topic: 'tides' }))
  await produce('a')
  const { tail } = (await harness.plain.index.readHead(await harness.partitionId('tides')))!
  expect(tail[0]!.place).toMatchObject({ kind: 'object', epoch: 0 })
  expect((await objects())[0]).toMatch(/^segments\//)
})

describe('an entry whose epoch the log takes no more', () => {
  test('comes anew under the current one, and what was refused goes', async () => {
    await produce('a')
    await setEpoch(4)
    await harness.plain.index.raiseFloor(tides, 3)
    expect(await produce('b')).toMatchObject({ baseOffset: 1 })
    expect(await values()).toEqual(['a', 'b'])
    expect(await objects()).toEqual(['ingest/0000000001', 'ingest/0000000004'])
  })

  test('takes nothing along of other partitions of its object, which stays for them', async () => {
    await produce('a')
    await setEpoch(4)
    await harness.plain.index.raiseFloor(tides, 3)
    await harness.run(Promise.all([0, 1].map(partition => produceNow('b', partition))))
    expect([await values(0), await values(1)]).toEqual([['a', 'b'], ['b']])
    expect(await objects()).toEqual(['ingest/0000000001', 'ingest/0000000001', 'ingest/0000000004'])
  })

  test('is told as not written where epochs end faster than it can be brought', async () => {
    await produce('a')
    let floor = 2
    harness.around = async (method, _, call) => {
      if (method === 'append') {
        floor += 1
        await harness.plain.index.raiseFloor(tides, floor)
      }
      if (method === 'readIngest') await setEpoch(floor)
      return await call()
    }
    const error = await harness.errorOf(produceNow('b', 0))
    expect([error.kafkaName, error.written]).toEqual(['REQUEST_TIMED_OUT', 'no'])
    expect(harness.count('append')).toBe(1 + 1 + EPOCH_TRIES_MAX)
    harness.around = (_, __, call) => call()
    expect(await values()).toEqual(['a'])
  })

  test('is not brought anew where an earlier try of unknown outcome has landed', async () => {
    await produce('a')
    await setEpoch(4)
    let isFirst = true
    harness.around = async (method, _, call) => {
      const answer = await call()
      if (method !== 'append' || !isFirst) return answer
      isFirst = false
      await harness.plain.index.raiseFloor(tides, 3)
      throw new OutcomeUnknown('the answer was lost')
    }
    expect(await produce('b')).toMatchObject({ baseOffset: 1 })
    expect(await values()).toEqual(['a', 'b'])
  })

  test('is brought anew where an earlier try of unknown outcome has not landed, and never can', async () => {
    await produce('a')
    await setEpoch(4)
    let isFirst = true
    let late: (() => Promise<unknown>) | undefined
    harness.around = async (method, _, call) => {
      if (method !== 'append' || !isFirst) return await call()
      isFirst = false
      late = call
      await harness.plain.index.raiseFloor(tides, 3)
      throw new OutcomeUnknown('nobody knows')
    }
    expect(await produce('b')).toMatchObject({ baseOffset: 1 })
    expect(await late?.()).toMatchObject({ kind: 'refused' })
    expect(await values()).toEqual(['a', 'b'])
  })

  test('is not looked for below what has settled: nobody knows whether it is there', async () => {
    await produce('a')
    let isFirst = true
    harness.around = async (method, _, call) => {
      if (method !== 'append' || !isFirst) return await call()
      isFirst = false
      await call()
      const { index } = harness.plain
      const head = (await index.readHead(tides))!
      const block = { baseOffset: toOffset(0), entries: head.tail, summary: { bytes: 1, maxTimestampMs: 1 } }
      await index.putBlock(tides, block)
      await index.trimTail(tides, block, { flushedProducers: new Map(), retired: new Map() }, Infinity)
      const segment = {
        baseOffset: toOffset(0),
        end: toOffset(2),
        id: '0'.repeat(32),
        bytes: 1,
        footerBytes: 1,
        records: 2,
        writes: 2,
        loggedBytes: 1,
        maxTimestampMs: 1,
        firstTimestampMs: 1,
        createdMs: 1,
        startOffset: toOffset(0),
        tombstonesMs: 0,
      }
      await index.putSegment(tides, 'rolled', segment)
      expect(await index.rearrange(tides, { kind: 'settle', segment, nowMs: 1 })).toMatchObject({
        moved: true,
      })
      await index.removeBlocksBelow(tides, toOffset(2))
      throw new OutcomeUnknown('the answer was lost')
    }
    const error = await harness.errorOf(produceNow('b', 0))
    expect([error.kafkaName, error.written]).toEqual(['REQUEST_TIMED_OUT', 'unknown'])
  })

  test('keeps the order of a run whose parts are judged one by one', async () => {
    await produce('a')
    await setEpoch(4)
    await harness.plain.index.raiseFloor(tides, 3)
    const batches = joined([large('b'), large('c')])
    await harness.run(broker.produce({ topic: 'tides', partition: 0, batches }))
    await produce('d')
    expect(await values()).toEqual(['a', 'b', 'c', 'd'])
  })
})

test('what is small needs no epoch', async () => {
  await harness.plain.index.raiseFloor(tides, 9)
  for (const value of numbered(0, 3))
    await harness.run(broker.produce({ topic: 'tides', partition: 0, batches: batchOf([value]) }))
  expect(await values()).toEqual(numbered(0, 3))
  expect(await objects()).toEqual([])
})

test('an epoch that cannot be read for a moment holds up nothing but what needs it', async () => {
  let isBroken = true
  harness.around = async (method, _, call) => {
    if (method === 'readIngest' && isBroken) throw new NotApplied('throttled')
    return await call()
  }
  const produced = produceNow('a', 0)
  await harness.pass(500)
  isBroken = false
  expect(await harness.run(produced)).toMatchObject({ baseOffset: 0 })
})

function produceNow(value: string, partition: number) {
  return broker.produce({ topic: 'tides', partition, batches: large(value) })
}

test('the epoch is asked for while the topic is looked for, once for all who wait', async () => {
  const other = harness.open()
  const before = harness.calls.length
  const values = ['a', 'b', 'c']
  await harness.run(
    Promise.all(values.map(value => other.produce({ topic: 'tides', partition: 0, batches: large(value) }))),
  )
  const methods = harness.calls.slice(before).map(({ method }) => method)
  expect(methods.filter(method => method === 'readIngest')).toHaveLength(1)
  expect(methods.indexOf('readIngest')).toBeLessThan(methods.indexOf('readHead'))
})
