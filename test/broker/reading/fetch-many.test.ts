import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import type { LogBroker } from '../../../src/broker/log-broker.ts'
import type { FetchedPartition, FetchMany, FetchPartition } from '../../../src/contract/broker.ts'
import { FETCH_LOOKS_PER_SECOND_MAX } from '../../../src/core/limits.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { OutcomeUnknown, StoreFailed } from '../../../src/ports/outcome.ts'
import { batchOf, Harness, recordsIn } from '../harness.ts'

const PARTITIONS = 1_000

let harness: Harness
let broker: LogBroker
let topicId: string

beforeEach(async () => {
  harness = new Harness()
  broker = harness.open()
  const made = await harness.run(broker.createTopic({ topic: 'tides', partitions: PARTITIONS }))
  topicId = made.topicId
})

const at = (partition: number, more: Partial<FetchPartition> = {}): FetchPartition => ({
  topic: 'tides',
  partition,
  offset: toOffset(0),
  ...more,
})
const first = (count: number) => Array.from({ length: count }, (_, partition) => at(partition))

async function fetch(partitions: readonly FetchPartition[], more: Partial<FetchMany> = {}) {
  return (await harness.run(broker.fetchMany({ partitions, ...more }))).partitions
}

async function write(partition: number, value: string, by = broker): Promise<number> {
  const batches = batchOf([value])
  await harness.run(by.produce({ topic: 'tides', partition, batches }))
  return batches.length
}

/** What came of a partition, or the error's name. */
function told(answer: FetchedPartition): string {
  if ('error' in answer) return answer.error.kafkaName
  return recordsIn(answer.chunks)
    .map(({ value }) => value)
    .join()
}

describe('a fetch of many partitions', () => {
  test('has an answer for each, in their order, and its own error', async () => {
    await write(0, 'a')
    await write(2, 'c')
    const partitions = [
      at(2),
      at(7, { topic: 'ebbs' }),
      at(0, { offset: toOffset(1) }),
      at(0),
      at(PARTITIONS),
      at(1, { offset: toOffset(5) }),
      at(0, { topicId: 'another' }),
      at(2),
    ]
    const answers = await fetch(partitions)
    expect(answers.map(told)).toEqual([
      'c',
      'UNKNOWN_TOPIC_OR_PARTITION',
      '',
      'a',
      'UNKNOWN_TOPIC_OR_PARTITION',
      'OFFSET_OUT_OF_RANGE',
      'UNKNOWN_TOPIC_ID',
      'c',
    ])
    expect(answers.map(({ topic, partition }) => ({ topic, partition }))).toEqual(
      partitions.map(({ topic, partition }) => ({ topic, partition })),
    )
    expect(answers[0]).toMatchObject({ topicId, startOffset: 0, endOffset: 1, nextOffset: 1 })
    expect(answers[1]?.topicId).toBeUndefined()
    expect(await fetch([])).toEqual([])
  })

  test('knows topics by their ids alone, also ones made later, and none that is gone', async () => {
    await write(3, 'a')
    const byId = { topic: undefined, topicId }
    expect((await fetch([at(3, byId), at(PARTITIONS, byId)])).map(told)).toEqual([
      'a',
      'UNKNOWN_TOPIC_OR_PARTITION',
    ])
    const other = harness.open()
    const later = await harness.run(other.createTopic({ topic: 'later' }))
    const wanted = [at(0, { topic: undefined, topicId: later.topicId })]
    expect((await fetch(wanted)).map(told)).toEqual([''])
    await harness.run(other.deleteTopic('later'))
    await harness.run(other.createTopic({ topic: 'later' }))
    await harness.pass(2_000)
    expect((await fetch(wanted)).map(told)).toEqual(['UNKNOWN_TOPIC_ID'])
    expect((await fetch([at(0, { topic: undefined })])).map(told)).toEqual(['INVALID_REQUEST'])
  })

  test('goes through the rest where a partition cannot be read', async () => {
    await write(0, 'a')
    await write(1, 'b')
    harness.around = (method, [id], call) =>
      method === 'readHead' && (id as { partition: number }).partition === 0
        ? Promise.reject(new StoreFailed('broken'))
        : call()
    expect((await fetch([at(0), at(1)])).map(told)).toEqual(['KAFKA_STORAGE_ERROR', 'b'])
  })

  test('brings the first batch there is, however large, and of others what has room', async () => {
    const bytes = await write(1, 'a'.repeat(500))
    await write(2, 'b')
    const small = await write(3, 'c')
    expect((await fetch(first(4), { maxBytes: 1 })).map(told)).toEqual(['', 'a'.repeat(500), '', ''])
    const more = await fetch(first(4), { maxBytes: bytes + small })
    expect(more.map(told)).toEqual(['', 'a'.repeat(500), 'b', ''])
    // What has no room is where it was.
    expect(more[3]).toMatchObject({ startOffset: 0, endOffset: 1, nextOffset: 0, chunks: [] })
    const turned = [at(3), at(2), at(1)]
    expect((await fetch(turned, { maxBytes: 2 * small })).map(told)).toEqual(['c', 'b', ''])
    // Of its own limit, too, a batch is more than nothing.
    for (const asked of [
      [at(2), at(1, { maxBytes: 10 }), at(3)],
      [at(1, { maxBytes: 10 }), at(3)],
    ])
      expect((await fetch(asked)).map(told)).toContain('a'.repeat(500))
  })

  test('behind a full answer, says of no log that it ends where it did once', async () => {
    for (const partition of [0, 8, 9]) await write(partition, 'a')
    const ends = async (offsets: readonly number[]) => {
      const asked = offsets.map((offset, index) => at(index, { offset: toOffset(offset) }))
      const answers = await fetch(asked, { maxBytes: 1 })
      return answers.slice(8).map(answer => 'endOffset' in answer && answer.endOffset)
    }
    const all = [0, 0, 0, 0, 0, 0, 0, 0, 1, 0]
    await fetch(first(10))
    await write(8, 'b')
    await write(9, 'b')
    harness.calls.length = 0
    // Of the last one more is known than is asked for, so that it need not be looked at.
    expect(await ends(all)).toEqual([2, 1])
    const looks = harness.calls.filter(({ method }) => method === 'readHead')
    expect(looks.map(({ args }) => (args[0] as { partition: number }).partition)).not.toContain(9)
  })

  test('reserves all that it brings', async () => {
    for (let partition = 0; partition < 20; partition++) await write(partition, 'a'.repeat(300 * partition))
    let reserved = 0
    const reserve = async (more: number) => {
      reserved += more
    }
    const answers = await fetch(first(20), { maxBytes: 30_000, reserve })
    const brought = answers.reduce(
      (sum, one) => sum + ('chunks' in one ? Buffer.concat(one.chunks).length : 0),
      0,
    )
    expect(brought).toBeGreaterThan(20_000)
    expect(reserved).toBeGreaterThanOrEqual(brought)
  })

  test('is refused as a whole where there is no room for it', async () => {
    await write(0, 'a')
    const reserve = () => Promise.reject(new Error('no room'))
    await expect(fetch(first(2), { reserve })).rejects.toThrow('no room')
  })

  test('brings what single fetches do, within its limits', async () => {
    const partitions = 5
    const lengths = fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 12 })
    const logs = fc.array(lengths, { minLength: partitions, maxLength: partitions })
    const limits = fc.record({
      all: fc.integer({ min: 1, max: 6_000 }),
      each: fc.integer({ min: 1, max: 3_000 }),
    })
    const property = fc.asyncProperty(logs, limits, fc.boolean(), async (log, { all, each }, isHot) => {
      const world = new Harness()
      const own = world.open({ hotTailBytes: isHot ? 1_000_000 : 0 })
      await world.run(own.createTopic({ topic: 'tides', partitions }))
      for (const [partition, values] of log.entries()) {
        for (const length of values) {
          await world.run(own.produce({ topic: 'tides', partition, batches: batchOf(['x'.repeat(length)]) }))
        }
      }
      const asked = log.map((values, partition) =>
        at(partition, { offset: toOffset(partition % (values.length + 1)), maxBytes: each }),
      )
      const { partitions: answers } = await world.run(own.fetchMany({ partitions: asked, maxBytes: all }))
      let sum = 0
      let hasCome = false
      for (const [index, answer] of answers.entries()) {
        if (!('chunks' in answer)) throw answer.error
        const alone = await world.run(
          own.fetch({ topic: 'tides', partition: index, offset: asked[index]!.offset, maxBytes: each }),
        )
        const [got, most] = [Buffer.concat(answer.chunks), Buffer.concat(alone.chunks)]
        expect(most.subarray(0, got.length).equals(got)).toBe(true)
        expect(answer.nextOffset).toBe(asked[index]!.offset + recordsIn(answer.chunks).length)
        if (hasCome) expect(got.length).toBeLessThanOrEqual(Math.max(0, all - sum))
        if (got.length > each) expect(recordsIn(answer.chunks)).toHaveLength(1)
        if (most.length > 0 && !hasCome) {
          expect(got.length).toBeGreaterThan(0)
          hasCome = true
        }
        sum += got.length
      }
    })
    await fc.assert(property, { numRuns: 30 })
  })
})

describe('a wait at many logs', () => {
  const poll = (partitions: readonly FetchPartition[], more: Partial<FetchMany> = {}) =>
    broker.fetchMany({ partitions, maxWaitMs: 20_000, ...more })

  test('of a thousand ends at once with an append, and looks at that log alone', async () => {
    harness.calls.length = 0
    const waiting = poll(first(PARTITIONS))
    await harness.pass(10)
    expect(harness.count('readHead')).toBe(PARTITIONS)
    const beforeMs = harness.clock.monotonicMs()
    await write(700, 'a')
    const { partitions } = await harness.run(waiting)
    expect(harness.clock.monotonicMs()).toBe(beforeMs)
    // The producer's own, of a log that is new to it.
    expect(harness.count('readHead')).toBe(PARTITIONS + 2)
    expect(partitions.map(told).join('')).toBe('a')
    expect(told(partitions[700]!)).toBe('a')
  })

  test('goes on where that is too little, and keeps what was found', async () => {
    const bytes = batchOf(['a']).length
    const waiting = poll(first(100), { minBytes: 3 * bytes })
    await harness.pass(10)
    harness.calls.length = 0
    await write(5, 'a')
    await harness.pass(1)
    await write(80, 'b')
    await harness.pass(1)
    const beforeMs = harness.clock.monotonicMs()
    await write(5, 'c')
    const { partitions } = await harness.run(waiting)
    expect(harness.clock.monotonicMs()).toBe(beforeMs)
    expect(partitions.map(told).filter(Boolean)).toEqual(['a,c', 'b'])
    const looks = harness.calls.filter(({ method }) => method === 'readHead')
    expect(new Set(looks.map(({ args }) => (args[0] as { partition: number }).partition))).toEqual(
      new Set([5, 80]),
    )
  })

  test('finds what another process has written, and looks no more often for a thousand than for some', async () => {
    const waiting = poll(first(PARTITIONS))
    await harness.pass(1_000)
    harness.calls.length = 0
    await harness.pass(5_000)
    expect(harness.count('readHead')).toBeLessThanOrEqual(6 * FETCH_LOOKS_PER_SECOND_MAX)
    await write(321, 'a', harness.open())
    const beforeMs = harness.clock.monotonicMs()
    expect((await harness.run(waiting)).partitions.map(told).join('')).toBe('a')
    expect(harness.clock.monotonicMs() - beforeMs).toBeLessThanOrEqual(
      1_100 * (PARTITIONS / FETCH_LOOKS_PER_SECOND_MAX),
    )
  })

  test('sees an append between the look and the wait', async () => {
    let isFirst = true
    harness.around = async (method, args, call) => {
      const seen = await call()
      const isMeant = method === 'readHead' && (args[0] as { partition: number }).partition === 3
      if (isMeant && isFirst) {
        isFirst = false
        await broker.produce({ topic: 'tides', partition: 3, batches: batchOf(['a']) })
      }
      return seen
    }
    const beforeMs = harness.clock.monotonicMs()
    expect((await harness.run(poll(first(10)))).partitions.map(told)[3]).toBe('a')
    expect(harness.clock.monotonicMs()).toBe(beforeMs)
  })

  test('does not end for what does not exist, unless there is nothing else', async () => {
    const unknown = at(0, { topic: 'ebbs' })
    const beforeMs = harness.clock.monotonicMs()
    await harness.run(poll([unknown, unknown]))
    expect(harness.clock.monotonicMs()).toBe(beforeMs)
    const { partitions } = await harness.run(poll([unknown, at(1)]))
    expect(harness.clock.monotonicMs() - beforeMs).toBe(20_000)
    expect(partitions.map(told)).toEqual(['UNKNOWN_TOPIC_OR_PARTITION', ''])
  })

  test.each([
    ['an offset that is not there', at(1, { offset: toOffset(9) }), 'OFFSET_OUT_OF_RANGE'],
    ['a topic of another id', at(1, { topicId: 'another' }), 'UNKNOWN_TOPIC_ID'],
    ['an id of no topic', at(1, { topic: undefined, topicId: 'another' }), 'UNKNOWN_TOPIC_ID'],
  ])('ends at once for %s', async (_, asked, name) => {
    const beforeMs = harness.clock.monotonicMs()
    expect((await harness.run(poll([at(0), asked]))).partitions.map(told)).toEqual(['', name])
    expect(harness.clock.monotonicMs()).toBe(beforeMs)
  })

  test('ends when one of the topics is deleted meanwhile', async () => {
    await harness.run(broker.createTopic({ topic: 'ebbs' }))
    const waiting = poll([at(0), at(0, { topic: 'ebbs' })])
    await harness.pass(100)
    const beforeMs = harness.clock.monotonicMs()
    await harness.run(broker.deleteTopic('ebbs'))
    expect((await harness.run(waiting)).partitions.map(told)).toEqual(['', 'UNKNOWN_TOPIC_OR_PARTITION'])
    expect(harness.clock.monotonicMs() - beforeMs).toBeLessThanOrEqual(1_000)
  })

  test('that is given up answers with what there is, without another look', async () => {
    const bytes = await write(2, 'a')
    const givenUp = new AbortController()
    const waiting = poll(first(10), { minBytes: bytes + 1, signal: givenUp.signal })
    await harness.pass(500)
    harness.calls.length = 0
    const beforeMs = harness.clock.monotonicMs()
    givenUp.abort()
    expect((await harness.run(waiting)).partitions.map(told).filter(Boolean)).toEqual(['a'])
    expect(harness.clock.monotonicMs()).toBe(beforeMs)
    expect(harness.count('readHead')).toBe(0)
  })

  test('ends with the broker', async () => {
    const waiting = poll(first(10))
    await harness.pass(100)
    const beforeMs = harness.clock.monotonicMs()
    const closed = broker.close()
    expect((await harness.run(waiting)).partitions.map(told).join('')).toBe('')
    expect(harness.clock.monotonicMs()).toBe(beforeMs)
    await harness.run(closed)
  })

  test('whose looks are lost answers with what was there before', async () => {
    const bytes = await write(2, 'a')
    const waiting = poll(first(10), { minBytes: bytes + 1 })
    await harness.pass(100)
    harness.around = (method, _, call) =>
      method === 'readHead' ? Promise.reject(new OutcomeUnknown('lost')) : call()
    expect((await harness.run(waiting)).partitions.map(told).filter(Boolean)).toEqual(['a'])
  })
})

/**
 * Records come to partitions at random while one consumer reads them all, putting those last that got something. Whoever has
 * records is passed over at most as often as there are others, each time for a budget and a batch at most.
 */
test('no partition with records waits longer than the budget of the others', async () => {
  const partitions = 6
  const batchBytes = batchOf(['x'.repeat(900)]).length
  const write = fc.record({
    partition: fc.integer({ min: 0, max: partitions - 1 }),
    length: fc.integer({ min: 0, max: 900 }),
    count: fc.integer({ min: 1, max: 6 }),
  })
  const writes = fc.array(fc.array(write, { maxLength: 6 }), { minLength: 1, maxLength: 12 })
  const budgets = fc.record({
    all: fc.integer({ min: 1, max: 4_000 }),
    each: fc.integer({ min: 1, max: 2_000 }),
  })
  const property = fc.asyncProperty(writes, budgets, fc.boolean(), async (rounds, { all, each }, isHot) => {
    const world = new Harness()
    const own = world.open({ hotTailBytes: isHot ? 1_000_000 : 0 })
    await world.run(own.createTopic({ topic: 'tides', partitions }))
    const next = Array.from({ length: partitions }, () => 0)
    const ends = [...next]
    const passedOver = [...next]
    let order = next.map((_, partition) => partition)
    const has = (partition: number) => next[partition]! < ends[partition]!
    for (let turn = 0; turn < rounds.length || order.some(has); turn++) {
      for (const { partition, length, count } of rounds[turn] ?? []) {
        for (let written = 0; written < count; written++) {
          await world.run(own.produce({ topic: 'tides', partition, batches: batchOf(['x'.repeat(length)]) }))
          ends[partition]! += 1
        }
      }
      const asked = order.map(partition =>
        at(partition, { offset: toOffset(next[partition]!), maxBytes: each }),
      )
      const { partitions: answers } = await world.run(own.fetchMany({ partitions: asked, maxBytes: all }))
      const waiting = order.filter(has)
      const served = new Set<number>()
      let bytes = 0
      for (const answer of answers) {
        if (!('chunks' in answer)) throw answer.error
        if (answer.chunks.length > 0) served.add(answer.partition)
        bytes += Buffer.concat(answer.chunks).length
        next[answer.partition] = answer.nextOffset
      }
      expect(served.size > 0).toBe(waiting.length > 0)
      expect(bytes).toBeLessThanOrEqual(Math.max(all, batchBytes))
      for (const partition of waiting) {
        passedOver[partition] = served.has(partition) ? 0 : passedOver[partition]! + 1
        expect(passedOver[partition]).toBeLessThan(partitions)
      }
      order = [...order.filter(one => !served.has(one)), ...order.filter(one => served.has(one))]
    }
  })
  await fc.assert(property, { numRuns: 60 })
})
