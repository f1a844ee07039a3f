import { beforeEach, describe, expect, test } from 'vitest'
import type { LogBroker } from '../../../src/broker/log-broker.ts'
import type { Fetch, Fetched } from '../../../src/contract/broker.ts'
import { FETCH_LAST_LOOK_MS_MAX, FETCH_POLL_INTERVAL_MS } from '../../../src/core/limits.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { OutcomeUnknown, StoreFailed } from '../../../src/ports/outcome.ts'
import { batchOf, Harness, recordsIn } from '../harness.ts'

let harness: Harness
let broker: LogBroker

beforeEach(async () => {
  harness = new Harness()
  broker = harness.open()
  await harness.run(broker.createTopic({ topic: 'tides', partitions: 100 }))
})

const poll = (request: Partial<Fetch> = {}) =>
  broker.fetch({ topic: 'tides', partition: 0, offset: toOffset(0), maxWaitMs: 20_000, ...request })
const polls = (count: number, request: (nth: number) => Partial<Fetch> = () => ({})) =>
  Array.from({ length: count }, (_, nth) => poll(request(nth)))
const valuesIn = ({ chunks }: Fetched) => recordsIn(chunks).map(({ value }) => value)

/** Looks at log ends while so much time passes. */
async function looksDuring(durationMs: number): Promise<number> {
  const before = harness.count('readHead')
  await harness.pass(durationMs)
  return harness.count('readHead') - before
}

describe('many fetches that wait', () => {
  test('at one log share each look', async () => {
    const alone = poll()
    await harness.pass(10)
    const looks = await looksDuring(5_000)
    expect(looks).toBeGreaterThanOrEqual(5_000 / FETCH_POLL_INTERVAL_MS - 2)
    const others = polls(500)
    await harness.pass(10)
    expect(await looksDuring(5_000)).toBeLessThanOrEqual(looks + 2)
    for (const { nextOffset } of await harness.run(Promise.all([alone, ...others])))
      expect(nextOffset).toBe(0)
  })

  test('at many logs have one look each', async () => {
    const all = polls(300, nth => ({ partition: nth % 100 }))
    await harness.pass(10)
    expect(await looksDuring(1_000)).toBeLessThanOrEqual((100 * 1_000) / FETCH_POLL_INTERVAL_MS + 100)
    await harness.run(Promise.all(all))
  })

  test('are all woken by one append, those who want more wait on, and each is answered in its own time', async () => {
    const bytes = batchOf(['a']).length
    const modest = polls(50)
    const demanding = polls(50, () => ({ minBytes: 2 * bytes }))
    const patient = polls(50, nth => ({ minBytes: 1_000_000, maxWaitMs: 3_000 + nth }))
    await harness.pass(500)
    const beforeMs = harness.clock.monotonicMs()
    await harness.run(broker.produce({ topic: 'tides', partition: 0, batches: batchOf(['a']) }))
    for (const answer of await harness.run(Promise.all(modest))) expect(valuesIn(answer)).toEqual(['a'])
    expect(harness.clock.monotonicMs()).toBe(beforeMs)
    // Another broker: found by looking.
    await harness.run(harness.open().produce({ topic: 'tides', partition: 0, batches: batchOf(['b']) }))
    for (const answer of await harness.run(Promise.all(demanding)))
      expect(valuesIn(answer)).toEqual(['a', 'b'])
    expect(harness.clock.monotonicMs() - beforeMs).toBeLessThanOrEqual(2 * FETCH_POLL_INTERVAL_MS)
    for (const [nth, answer] of patient.entries()) {
      expect(valuesIn(await harness.run(answer))).toEqual(['a', 'b'])
      expect(harness.clock.monotonicMs() - beforeMs).toBe(2_500 + nth)
    }
  })

  test('from different offsets get what is theirs', async () => {
    for (const value of ['a', 'b']) {
      await harness.run(broker.produce({ topic: 'tides', partition: 0, batches: batchOf([value]) }))
    }
    const waiting = polls(20, () => ({ offset: toOffset(2) }))
    const early = polls(20, nth => ({ offset: toOffset(nth % 2) }))
    for (const [nth, answer] of (await harness.run(Promise.all(early))).entries())
      expect(valuesIn(answer)).toEqual(nth % 2 ? ['b'] : ['a', 'b'])
    await harness.run(broker.produce({ topic: 'tides', partition: 0, batches: batchOf(['c']) }))
    for (const answer of await harness.run(Promise.all(waiting))) expect(valuesIn(answer)).toEqual(['c'])
  })

  test('do not hold each other: one that is given up ends alone', async () => {
    const givenUp = new AbortController()
    const [first, second] = [poll({ signal: givenUp.signal }), poll()]
    await harness.pass(1_000)
    const beforeMs = harness.clock.monotonicMs()
    harness.calls.length = 0
    givenUp.abort()
    expect(await harness.run(first)).toMatchObject({ nextOffset: 0, chunks: [] })
    expect(harness.count('readHead')).toBe(0)
    await harness.run(second)
    expect(harness.clock.monotonicMs() - beforeMs).toBe(19_000)
  })
})

describe('a look that goes wrong', () => {
  test('is told to all who wait there, and to nobody who comes later', async () => {
    const elsewhere = poll({ partition: 1 })
    const waiting = polls(10).map(answer => answer.catch(error => error))
    await harness.pass(100)
    const { topicId } = await harness.partitionId('tides')
    harness.around = (method, [partition], call) => {
      const isMeant = (partition as { topicId: string; partition: number }).partition === 0
      return method === 'readHead' && isMeant ? Promise.reject(new StoreFailed('broken')) : call()
    }
    for (const error of await harness.run(Promise.all(waiting))) {
      expect(error).toMatchObject({ kafkaName: 'KAFKA_STORAGE_ERROR' })
    }
    harness.around = (_, __, call) => call()
    expect(await harness.run(poll({ topicId, maxWaitMs: 100 }))).toMatchObject({ nextOffset: 0 })
    expect(await harness.run(elsewhere)).toMatchObject({ nextOffset: 0 })
  })

  test('without an answer gives what was there before', async () => {
    await harness.run(broker.produce({ topic: 'tides', partition: 0, batches: batchOf(['a']) }))
    const waiting = poll({ minBytes: 10_000 })
    await harness.pass(100)
    harness.around = (method, _, call) =>
      method === 'readHead' ? Promise.reject(new OutcomeUnknown('lost')) : call()
    expect(valuesIn(await harness.run(waiting))).toEqual(['a'])
  })

  test('and never comes back keeps nobody from hearing of an append', async () => {
    const lost = poll()
    await harness.pass(100)
    let isFirst = true
    harness.around = async (method, _, call) => {
      if (method === 'readHead' && isFirst) {
        isFirst = false
        await harness.clock.sleep(600_000)
      }
      return await call()
    }
    await harness.pass(100)
    expect(isFirst).toBe(false)
    const late = poll()
    await harness.pass(FETCH_LAST_LOOK_MS_MAX)
    await harness.run(broker.produce({ topic: 'tides', partition: 0, batches: batchOf(['a']) }))
    const beforeMs = harness.clock.monotonicMs()
    for (const answer of await harness.run(Promise.all([lost, late]))) expect(valuesIn(answer)).toEqual(['a'])
    expect(harness.clock.monotonicMs()).toBe(beforeMs)
  })
})

test('when the broker closes all are answered, with what there is', async () => {
  const waiting = polls(100, nth => ({ partition: nth % 10 }))
  await harness.pass(100)
  const beforeMs = harness.clock.monotonicMs()
  const closing = broker.close()
  for (const answer of await harness.run(Promise.all(waiting)))
    expect(answer).toMatchObject({ nextOffset: 0 })
  expect(harness.clock.monotonicMs()).toBe(beforeMs)
  await harness.run(closing)
})
