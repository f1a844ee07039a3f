import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { SeededEntropy } from '../../../src/adapters/memory/seeded-entropy.ts'
import type { LogBroker } from '../../../src/broker/log-broker.ts'
import type { Fetch, LocatedRange } from '../../../src/contract/broker.ts'
import { batchesOf } from '../../../src/core/batches/batch-run.ts'
import { FETCH_LAST_LOOK_MS_MAX, FETCH_WAIT_MS_MAX, TAIL_ENTRIES_HARD_MAX } from '../../../src/core/limits.ts'
import type { Block } from '../../../src/core/log/block.ts'
import { advance, toOffset } from '../../../src/core/numbers.ts'
import type { ObjectLocator } from '../../../src/ports/object-locator.ts'
import type { ObjectInfo } from '../../../src/ports/object-store.ts'
import {
  batchOf,
  Harness,
  joined,
  NOW_MS,
  numbered,
  type ReadRecord,
  readAll,
  recordsIn,
} from '../harness.ts'

let harness: Harness
let broker: LogBroker

beforeEach(async () => {
  harness = new Harness()
  broker = harness.open()
  await harness.run(broker.createTopic({ topic: 'tides', partitions: 2 }))
})

const produce = (batches: Uint8Array, partition = 0, through = broker) =>
  harness.run(through.produce({ topic: 'tides', partition, batches }))
const fetch = (request: Omit<Partial<Fetch>, 'offset'> & { offset: number }, through = broker) =>
  harness.run(through.fetch({ topic: 'tides', partition: 0, ...request, offset: toOffset(request.offset) }))
const offsetsIn = (chunks: readonly Uint8Array[]) => recordsIn(chunks).map(({ offset }) => offset)

/** Moves everything into blocks, as a broker does that closes. */
async function flushAll(): Promise<void> {
  await harness.run(harness.open().close())
}

describe('a fetch', () => {
  test("tells the log's start and end, and where to go on", async () => {
    await produce(batchOf(['a', 'b']))
    await produce(batchOf(['c']))
    expect(await fetch({ offset: 0 })).toMatchObject({ startOffset: 0, endOffset: 3, nextOffset: 3 })
    expect(await fetch({ offset: 0, maxBytes: 1 })).toMatchObject({ endOffset: 3, nextOffset: 2 })
  })

  test('at the end of the log is empty', async () => {
    expect(await fetch({ offset: 0 })).toEqual({ startOffset: 0, endOffset: 0, nextOffset: 0, chunks: [] })
    await produce(batchOf(['a']))
    expect(await fetch({ offset: 1 })).toEqual({ startOffset: 0, endOffset: 1, nextOffset: 1, chunks: [] })
  })

  test('outside of the log is refused, on both sides', async () => {
    await produce(batchOf(['a', 'b', 'c']))
    const attempt = (offset: number) =>
      harness.errorOf(broker.fetch({ topic: 'tides', partition: 0, offset: toOffset(offset) }))
    expect(await attempt(4)).toMatchObject({ kafkaName: 'OFFSET_OUT_OF_RANGE', retriable: false })
    await harness.run(broker.deleteRecords({ topic: 'tides', partition: 0, beforeOffset: toOffset(2) }))
    expect(await attempt(1)).toMatchObject({ kafkaName: 'OFFSET_OUT_OF_RANGE' })
    expect(offsetsIn((await fetch({ offset: 2 })).chunks)).toContain(2)
  })

  test('of a topic or a partition that is not there is refused', async () => {
    for (const [topic, partition] of [
      ['ebb', 0],
      ['tides', 2],
      ['tides', -1],
    ] as const) {
      const error = await harness.errorOf(broker.fetch({ topic, partition, offset: toOffset(0) }))
      expect(error.kafkaName).toBe('UNKNOWN_TOPIC_OR_PARTITION')
    }
  })

  test('from the middle of a batch gives the whole batch, as Kafka does', async () => {
    await produce(joined([batchOf(['a', 'b', 'c']), batchOf(['d', 'e', 'f'])]))
    await flushAll()
    expect(offsetsIn((await fetch({ offset: 4, maxBytes: 1 })).chunks)).toEqual([3, 4, 5])
    expect(offsetsIn((await fetch({ offset: 2, maxBytes: 1 })).chunks)).toEqual([0, 1, 2])
    expect(offsetsIn((await fetch({ offset: 2 })).chunks)).toEqual([0, 1, 2, 3, 4, 5])
  })

  test('gives at least one batch, even one that is larger than the limit', async () => {
    const sizes = [500_000, 10, 900_000]
    for (const padding of sizes) await produce(batchOf([`${padding}`], { padding }))
    for (const flushed of [false, true]) {
      if (flushed) await flushAll()
      for (const offset of [0, 1, 2]) {
        const { chunks, nextOffset } = await fetch({ offset, maxBytes: 1 })
        expect([flushed, recordsIn(chunks).map(({ value }) => value)]).toEqual([
          flushed,
          [`${sizes[offset]}`],
        ])
        expect(nextOffset).toBe(offset + 1)
      }
    }
  })

  test('keeps to its limit, apart from a first batch', async () => {
    for (let number = 0; number < 30; number += 1) await produce(batchOf([`${number}`], { padding: 1_000 }))
    for (const maxBytes of [1_000, 2_500, 10_000, 25_000]) {
      const { chunks } = await fetch({ offset: 0, maxBytes })
      const bytes = joined(chunks).length
      expect(bytes <= maxBytes || offsetsIn(chunks).length === 1).toBe(true)
      expect(bytes).toBeGreaterThan(Math.min(maxBytes, 30_000) - 2_200)
    }
  })

  test('hands out bytes that the caller may change', async () => {
    await produce(batchOf(['inline']))
    await produce(batchOf(['object'], { padding: 10_000 }))
    for (const chunk of (await fetch({ offset: 0 })).chunks) chunk.fill(0)
    expect(recordsIn((await fetch({ offset: 0 })).chunks).map(({ value }) => value)).toEqual([
      'inline',
      'object',
    ])
    expect((await harness.verify()).findings).toEqual([])
  })

  test('reads objects only, and few, for a log that was flushed', async () => {
    for (let number = 0; number < 60; number += 1) await produce(batchOf([`${number}`]))
    await flushAll()
    harness.calls.length = 0
    expect(offsetsIn((await fetch({ offset: 0 })).chunks)).toHaveLength(60)
    const reads = harness.calls.filter(({ method, args }) => method === 'get' && args.length === 3)
    expect(reads.length).toBeLessThan(10)
  })

  test('does work for its answer and not for the length of the log', async () => {
    for (let number = 0; number < 200; number += 1) {
      await produce(batchOf([`${number}`], { padding: 5_000 }))
      if (number % 20 === 19) await flushAll()
    }
    harness.calls.length = 0
    await fetch({ offset: 100, maxBytes: 10_000 })
    expect(harness.count('readBlocks')).toBeLessThanOrEqual(2)
    expect(harness.count('get')).toBeLessThanOrEqual(5)
  })

  test('asks the index a few times, however little is in each of its blocks', async () => {
    for (let number = 0; number < 100; number += 1) {
      await produce(batchOf([`${number}`]))
      await flushAll()
    }
    harness.calls.length = 0
    expect(offsetsIn((await fetch({ offset: 0 })).chunks)).toHaveLength(100)
    const count = harness.count('readHead') + harness.count('readBlocks')
    expect(count).toBeLessThanOrEqual(3)
    // No more than the answer takes.
    harness.calls.length = 0
    const few = offsetsIn((await fetch({ offset: 30, maxBytes: 10 * batchOf(['10']).length })).chunks)
    expect(few).toHaveLength(10)
    const asked = harness.calls.filter(({ method }) => method === 'readBlocks')
    expect(asked.reduce((sum, { args }) => sum + Number(args[2]), 0)).toBeLessThanOrEqual(12)
  })

  test('that finds the object gone tells so instead of an empty answer', async () => {
    await produce(batchOf(['a'], { padding: 10_000 }))
    for await (const { key } of harness.plain.objects.list()) await harness.plain.objects.remove(key)
    const error = await harness.errorOf(broker.fetch({ topic: 'tides', partition: 0, offset: toOffset(0) }))
    expect(error.kafkaName).toBe('KAFKA_STORAGE_ERROR')
  })

  test('serves what comes before damaged bytes, and then names the offset of the damage', async () => {
    await produce(joined(numbered(0, 10).map(value => batchOf([value], { padding: 1_000 }))))
    let object: ObjectInfo | undefined
    for await (const listed of harness.plain.objects.list()) object = listed
    const stored = (await harness.plain.objects.get(object!.key, 0 as never, object!.bytes))!
    // In the fifth of ten batches of the same size.
    stored[Math.floor(stored.length * 0.45)]! ^= 1
    await harness.plain.objects.put(object!.key, [stored])
    expect(await fetch({ offset: 0 })).toMatchObject({ nextOffset: 4, endOffset: 10 })
    const error = await harness.errorOf(broker.fetch({ topic: 'tides', partition: 0, offset: toOffset(4) }))
    expect(error.kafkaName).toBe('CORRUPT_MESSAGE')
    expect(error.message).toMatch(/offset 4 .*tidemark verify/)
    expect(await fetch({ offset: 5 })).toMatchObject({ nextOffset: 10 })
  })

  test('looks again when blocks between others are gone, as a deletion leaves them for a moment', async () => {
    for (const value of numbered(0, 4 * TAIL_ENTRIES_HARD_MAX))
      await produce(batchOf([value], { padding: 5_000 }))
    await harness.run(broker.close())
    broker = harness.open()
    const { blocks } = (await harness.verify()).summary
    expect(blocks).toBeGreaterThan(2)
    let isDeleting = true
    harness.around = async (method, _, call) => {
      const result = await call()
      if (method !== 'readBlocks' || !isDeleting) return result
      isDeleting = false
      const [first, second] = result as Block[]
      return [first, { ...second!, baseOffset: advance(second!.baseOffset, 1) }]
    }
    const { chunks, nextOffset } = await fetch({ offset: 0, maxBytes: 800_000 })
    expect(offsetsIn(chunks)).toEqual(Array.from({ length: nextOffset }, (_, offset) => offset))
    expect(isDeleting).toBe(false)
  })

  test('that finds damaged bytes tells so', async () => {
    await produce(batchOf(['a'], { padding: 10_000 }))
    for await (const { key, bytes } of harness.plain.objects.list()) {
      const stored = (await harness.plain.objects.get(key, 0 as never, bytes))!
      stored[500]! ^= 1
      await harness.plain.objects.put(key, [stored])
    }
    const error = await harness.errorOf(broker.fetch({ topic: 'tides', partition: 0, offset: toOffset(0) }))
    expect(error.kafkaName).toBe('CORRUPT_MESSAGE')
  })
})

describe('a fetch that waits', () => {
  test('is answered at once where there is enough', async () => {
    await produce(batchOf(['a']))
    const beforeMs = harness.clock.nowMs()
    await fetch({ offset: 0, maxWaitMs: 10_000 })
    expect(harness.clock.nowMs()).toBe(beforeMs)
  })

  test('is woken by an append of its own broker', async () => {
    const waiting = broker.fetch({ topic: 'tides', partition: 0, offset: toOffset(0), maxWaitMs: 20_000 })
    await harness.pass(1_000)
    const producedAtMs = harness.clock.nowMs()
    await produce(batchOf(['a']))
    const { chunks } = await harness.run(waiting)
    expect(recordsIn(chunks)).toEqual([{ offset: 0, value: 'a' }])
    // Woken and not found by looking again.
    expect(harness.clock.nowMs()).toBe(producedAtMs)
  })

  test('is woken by an append that comes while its look is under way', async () => {
    let isFirst = true
    let produced: Promise<unknown> | undefined
    harness.around = async (method, _, call) => {
      const seen = await call()
      if (method !== 'readHead' || !isFirst) return seen
      isFirst = false
      // The answer is on its way, and does not tell of this one.
      produced = broker.produce({ topic: 'tides', partition: 0, batches: batchOf(['a']) })
      await produced
      return seen
    }
    const patient = { topic: 'tides', partition: 0, offset: toOffset(0), maxWaitMs: 20_000 }
    const beforeMs = harness.clock.nowMs()
    expect(recordsIn((await harness.run(broker.fetch(patient))).chunks)).toEqual([{ offset: 0, value: 'a' }])
    expect(harness.clock.nowMs()).toBe(beforeMs)
  })

  test('is answered in time where a look is slow, with what was there before', async () => {
    await produce(batchOf(['a']))
    const waiting = broker.fetch({
      topic: 'tides',
      partition: 0,
      offset: toOffset(0),
      minBytes: 10_000,
      maxWaitMs: 20_000,
    })
    await harness.pass(1_000)
    const beforeMs = harness.clock.nowMs()
    harness.around = async (method, _, call) => {
      if (method === 'readHead') await harness.clock.sleep(60_000)
      return await call()
    }
    expect(offsetsIn((await harness.run(waiting)).chunks)).toEqual([0])
    expect(harness.clock.nowMs() - beforeMs).toBeLessThanOrEqual(19_000 + FETCH_LAST_LOOK_MS_MAX)
  })

  test('looks less and less often where each look is paid for', async () => {
    const looksOf = async (settings: { pollIntervalMsMax?: number }) => {
      const other = harness.open(settings)
      harness.calls.length = 0
      const request = { topic: 'tides', partition: 0, offset: toOffset(0), maxWaitMs: 20_000 }
      await harness.run(other.fetch(request))
      return harness.count('readHead')
    }
    expect(await looksOf({})).toBeGreaterThan(350)
    const looks = await looksOf({ pollIntervalMsMax: 1_000 })
    expect(looks).toBeGreaterThan(20)
    expect(looks).toBeLessThan(30)
  })

  test('is not held up by appends to other partitions', async () => {
    const waiting = broker.fetch({ topic: 'tides', partition: 0, offset: toOffset(0), maxWaitMs: 500 })
    await produce(batchOf(['elsewhere']), 1)
    expect(await harness.run(waiting)).toMatchObject({ nextOffset: 0, chunks: [] })
  })

  test('finds what another broker has written', async () => {
    const other = harness.open()
    const waiting = broker.fetch({ topic: 'tides', partition: 0, offset: toOffset(0), maxWaitMs: 20_000 })
    await harness.pass(1_000)
    await produce(batchOf(['a']), 0, other)
    const producedAtMs = harness.clock.nowMs()
    expect(recordsIn((await harness.run(waiting)).chunks)).toEqual([{ offset: 0, value: 'a' }])
    expect(harness.clock.nowMs() - producedAtMs).toBeLessThan(1_000)
  })

  test('gives up when its time has passed, and gives what there is', async () => {
    await produce(batchOf(['a']))
    const beforeMs = harness.clock.nowMs()
    const { chunks } = await fetch({ offset: 0, minBytes: 10_000, maxWaitMs: 700 })
    expect(offsetsIn(chunks)).toEqual([0])
    expect(harness.clock.nowMs() - beforeMs).toBe(700)
    const empty = await fetch({ offset: 1, maxWaitMs: 2 * FETCH_WAIT_MS_MAX })
    expect(empty).toMatchObject({ nextOffset: 1, chunks: [] })
    expect(harness.clock.nowMs() - beforeMs).toBe(700 + FETCH_WAIT_MS_MAX)
  })

  test('waits until there are as many bytes as it wants', async () => {
    const bytes = batchOf(['0']).length
    const waiting = broker.fetch({
      topic: 'tides',
      partition: 0,
      offset: toOffset(0),
      minBytes: 3 * bytes,
      maxWaitMs: 20_000,
    })
    for (const value of ['0', '1', '2']) {
      await harness.pass(300)
      await produce(batchOf([value]))
    }
    const { chunks } = await harness.run(waiting)
    expect(offsetsIn(chunks)).toEqual([0, 1, 2])
  })

  test('never waits for more than its answer can hold', async () => {
    await produce(batchOf(['a'], { padding: 3_000 }))
    const beforeMs = harness.clock.nowMs()
    await fetch({ offset: 0, maxBytes: 2_000, minBytes: 1_000_000, maxWaitMs: 20_000 })
    expect(harness.clock.nowMs()).toBe(beforeMs)
  })

  test('ends when its signal aborts, also when that was before', async () => {
    const beforeMs = harness.clock.nowMs()
    const controller = new AbortController()
    const waiting = broker.fetch({
      topic: 'tides',
      partition: 0,
      offset: toOffset(0),
      maxWaitMs: 20_000,
      signal: controller.signal,
    })
    await harness.pass(100)
    controller.abort()
    expect(await harness.run(waiting)).toMatchObject({ nextOffset: 0, chunks: [] })
    await fetch({ offset: 0, maxWaitMs: 20_000, signal: AbortSignal.abort() })
    expect(harness.clock.nowMs() - beforeMs).toBe(100)
  })

  test('tells that the topic was deleted meanwhile', async () => {
    const waiting = broker
      .fetch({ topic: 'tides', partition: 0, offset: toOffset(0), maxWaitMs: 20_000 })
      .catch(error => error)
    await harness.pass(100)
    await harness.run(broker.deleteTopic('tides'))
    expect(await harness.run(waiting)).toMatchObject({ kafkaName: 'UNKNOWN_TOPIC_OR_PARTITION' })
  })

  test('of a topic by its id is not answered with another of its name', async () => {
    await produce(batchOf(['a']))
    const { topicId } = await harness.run(broker.describeTopic('tides'))
    expect(await fetch({ offset: 0, topicId })).toMatchObject({ nextOffset: 1 })
    const waiting = broker
      .fetch({ topic: 'tides', topicId, partition: 0, offset: toOffset(1), maxWaitMs: 20_000 })
      .catch(error => error)
    // Another broker, whose deletion this one hears nothing of.
    const other = harness.open()
    await harness.run(other.deleteTopic('tides'))
    await harness.run(other.createTopic({ topic: 'tides' }))
    await produce(batchOf(['b', 'c']), 0, other)
    const unknown = { kafkaName: 'UNKNOWN_TOPIC_ID', retriable: true, written: 'no' }
    expect(await harness.run(waiting)).toMatchObject(unknown)
    for (const through of [broker, other, harness.open()]) {
      const by = { topic: 'tides', topicId, partition: 0, offset: toOffset(0) }
      expect(await harness.errorOf(through.fetch(by))).toMatchObject(unknown)
    }
    const anew = await harness.run(other.describeTopic('tides'))
    expect(await fetch({ offset: 0, topicId: anew.topicId })).toMatchObject({ nextOffset: 2 })
  })

  test('ends when its broker closes', async () => {
    const waiting = broker.fetch({ topic: 'tides', partition: 0, offset: toOffset(0), maxWaitMs: 20_000 })
    await harness.pass(100)
    const beforeMs = harness.clock.nowMs()
    await harness.run(broker.close())
    await harness.run(waiting.catch(() => {}))
    expect(harness.clock.nowMs()).toBe(beforeMs)
    expect(
      await harness.errorOf(broker.fetch({ topic: 'tides', partition: 0, offset: toOffset(0) })),
    ).toMatchObject({
      kafkaName: 'BROKER_NOT_AVAILABLE',
    })
  })
})

describe('after records were deleted', () => {
  test('what is left is served, from any offset on', async () => {
    for (let number = 0; number < 50; number += 1) await produce(batchOf([`${number}`, 'x']))
    await flushAll()
    for (let number = 50; number < 60; number += 1) await produce(batchOf([`${number}`, 'x']))
    for (const beforeOffset of [1, 33, 99, 105, 120]) {
      const deleted = await harness.run(
        broker.deleteRecords({ topic: 'tides', partition: 0, beforeOffset: toOffset(beforeOffset) }),
      )
      expect(deleted).toEqual({ startOffset: beforeOffset })
      const records = await harness.run(readAll(broker, { topic: 'tides', partition: 0 }, beforeOffset))
      expect(records.map(({ offset }) => offset)).toEqual(
        Array.from({ length: 120 - beforeOffset }, (_, index) => beforeOffset + index),
      )
      expect((await harness.verify()).findings.filter(({ severity }) => severity === 'error')).toEqual([])
    }
    expect(await produce(batchOf(['more']))).toMatchObject({ baseOffset: 120, startOffset: 120 })
  })

  test('none can be deleted beyond the end, and deleting again changes nothing', async () => {
    await produce(batchOf(['a', 'b', 'c']))
    const remove = (offset: number) =>
      broker.deleteRecords({ topic: 'tides', partition: 0, beforeOffset: toOffset(offset) })
    expect(await harness.errorOf(remove(4))).toMatchObject({ kafkaName: 'OFFSET_OUT_OF_RANGE' })
    expect(await harness.run(remove(2))).toEqual({ startOffset: 2 })
    expect(await harness.run(remove(1))).toEqual({ startOffset: 2 })
    expect(await harness.run(remove(3))).toEqual({ startOffset: 3 })
  })
})

/** Produces as told: several calls together make one commit. */
interface Step {
  readonly paddings: readonly number[]
  readonly flush: boolean
}

async function fill(steps: readonly Step[]): Promise<ReadRecord[]> {
  const produced: ReadRecord[] = []
  for (const { paddings, flush } of steps) {
    const calls: Promise<unknown>[] = []
    for (const padding of paddings) {
      const values = numbered(produced.length, 1 + (padding % 4))
      for (const value of values) produced.push({ offset: produced.length, value })
      calls.push(broker.produce({ topic: 'tides', partition: 0, batches: batchOf(values, { padding }) }))
      // A run beside it in the same object.
      if (padding % 3 === 0) {
        calls.push(
          broker.produce({ topic: 'tides', partition: 1, batches: batchOf(['beside'], { padding }) }),
        )
      }
    }
    await harness.run(Promise.all(calls))
    if (flush) await flushAll()
  }
  return produced
}

const step = fc.record({
  paddings: fc.array(fc.oneof(fc.nat({ max: 60 }), fc.nat({ max: 5_000 }), fc.nat({ max: 120_000 })), {
    minLength: 1,
    maxLength: 12,
  }),
  flush: fc.boolean(),
})

async function freshBroker(): Promise<void> {
  harness = new Harness()
  broker = harness.open()
  await harness.run(broker.createTopic({ topic: 'tides', partitions: 2 }))
}

test('reading on with any limits gives every record once, from any offset', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 6 }),
      fc.nat(),
      fc.nat(),
      async (steps, pick, seed) => {
        await freshBroker()
        const produced = await fill(steps)
        const random = new SeededEntropy(seed)
        const maxBytes = () => random.pick([1, 50, 700, 5_000, 70_000, 300_000, 2_000_000])
        const from = pick % produced.length
        const read = await harness.run(readAll(broker, { topic: 'tides', partition: 0 }, from, maxBytes))
        expect(read).toEqual(produced.slice(from))
      },
    ),
    { numRuns: 40 },
  )
})

test('reading on inside one commit of several megabytes starts at its marks', async () => {
  const produced = await fill([{ paddings: Array.from({ length: 100 }, () => 60_001), flush: false }])
  const objects = harness.calls.filter(({ method }) => method === 'append')
  expect(objects.length).toBeLessThan(5)
  harness.calls.length = 0
  const read = await harness.run(readAll(broker, { topic: 'tides', partition: 0, maxBytes: 200_000 }))
  expect(read).toEqual(produced)
  // No range is read from the commit's beginning again and again.
  const bytesRead = harness.calls
    .filter(({ method, args }) => method === 'get' && args.length === 3)
    .reduce((sum, { args }) => sum + (args[2] as number), 0)
  expect(bytesRead).toBeLessThan(3 * 100 * 2 * 60_001)
})

describe('locate', () => {
  const locator: ObjectLocator = {
    locate: async key => ({ url: key, expiresMs: NOW_MS + 1_000 }),
  }

  /** What somebody does who got ranges: reads them where they are, and fills in the offsets. */
  async function readLocated(ranges: readonly LocatedRange[]): Promise<ReadRecord[]> {
    const records: ReadRecord[] = []
    for (const range of ranges) {
      const bytes =
        'url' in range
          ? (await harness.plain.objects.get(range.url, range.position, range.bytes))!
          : Uint8Array.from(range.inline)
      expect(bytes.length).toBe(range.bytes)
      for (const _ of batchesOf(bytes, range.baseOffset)) {
        // Fills in the offsets as it goes.
      }
      const found = recordsIn([bytes])
      expect(found).toHaveLength(range.records)
      records.push(...found)
    }
    return records
  }

  test('gives ranges whose bytes are the records, none twice, from any offset with any limits', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 5 }),
        fc.nat(),
        fc.nat(),
        async (steps, pick, seed) => {
          await freshBroker()
          const produced = await fill(steps)
          const located = harness.open({}, locator)
          const random = new SeededEntropy(seed)
          const from = pick % produced.length
          const read: ReadRecord[] = []
          for (let offset = from; offset < produced.length; ) {
            const maxBytes = random.pick([1, 700, 5_000, 70_000, 2_000_000])
            const answer = await harness.run(
              located.locate({ topic: 'tides', partition: 0, offset: toOffset(offset), maxBytes }),
            )
            expect(answer.ranges.length).toBeGreaterThan(0)
            expect(answer.nextOffset).toBeGreaterThan(offset)
            expect(answer.endOffset).toBe(produced.length)
            const records = await readLocated(answer.ranges)
            read.push(...records.filter(record => record.offset >= offset))
            offset = answer.nextOffset
          }
          expect(read).toEqual(produced.slice(from))
        },
      ),
      { numRuns: 25 },
    )
  })

  test('at the end of the log gives nothing, and waits where it is told to', async () => {
    const located = harness.open({}, locator)
    const request = { topic: 'tides', partition: 0, offset: toOffset(0) }
    expect(await harness.run(located.locate(request))).toMatchObject({ nextOffset: 0, ranges: [] })
    const waiting = located.locate({ ...request, maxWaitMs: 5_000 })
    await harness.pass(100)
    await produce(batchOf(['a']))
    expect(await readLocated((await harness.run(waiting)).ranges)).toEqual([{ offset: 0, value: 'a' }])
  })

  test('hands out inline bytes that the caller may change', async () => {
    await produce(batchOf(['inline']))
    const located = harness.open({}, locator)
    const { ranges } = await harness.run(
      located.locate({ topic: 'tides', partition: 0, offset: toOffset(0) }),
    )
    for (const range of ranges) if ('inline' in range) range.inline.fill(0)
    expect(recordsIn((await fetch({ offset: 0 })).chunks)).toEqual([{ offset: 0, value: 'inline' }])
  })

  test('is refused where there are no URLs', async () => {
    const error = await harness.errorOf(broker.locate({ topic: 'tides', partition: 0, offset: toOffset(0) }))
    expect(error.kafkaName).toBe('INVALID_REQUEST')
  })
})
