import { beforeEach, describe, expect, test } from 'vitest'
import type { LogBroker } from '../../src/broker/log-broker.ts'
import {
  CLIENT_TIMEOUT_MS,
  FETCH_LAST_LOOK_MS_MAX,
  FLUSH_BY_PRODUCER_MS,
  FUNCTION_FETCH_WAIT_MS_MAX,
  FUNCTION_PRODUCE_DEADLINE_MS,
  FUNCTION_RESERVE_MS,
  FUNCTION_TIMEOUT_MS,
  GROUP_CALL_DEADLINE_MS,
  LAST_STEP_MS_MAX,
  TABLE_READ_TIMEOUT_MS,
  TABLE_WRITE_TIMEOUT_MS,
  TAIL_ENTRIES_HARD_MAX,
  TAIL_INLINE_SOFT_BYTES_MAX,
} from '../../src/core/limits.ts'
import { countInlineBytes } from '../../src/core/log/entry.ts'
import { toOffset } from '../../src/core/numbers.ts'
import { NotApplied } from '../../src/ports/outcome.ts'
import { objectEntry } from '../conformance/samples.ts'
import { batchOf, Harness, numbered, readAll } from './harness.ts'

const WRITES = ['append', 'put', 'putBlock', 'trimTail', 'putProducer', 'createHead', 'join', 'commit']
/** By when a function has to have its answer. */
const FUNCTION_ANSWER_MS = FUNCTION_TIMEOUT_MS - FUNCTION_RESERVE_MS

let harness: Harness

beforeEach(() => {
  harness = new Harness()
})

const openFunction = () =>
  harness.open({ flushes: 'elsewhere', produceDeadlineMs: FUNCTION_PRODUCE_DEADLINE_MS })
const produceTo = (broker: LogBroker, value: string, padding = 0) =>
  broker.produce({ topic: 'tides', partition: 0, batches: batchOf([value], { padding }) })

/** Every step takes nearly as long as it may, and succeeds. */
function slowDown(): void {
  harness.around = async (method, _, call) => {
    const limitMs = WRITES.includes(method) ? TABLE_WRITE_TIMEOUT_MS : TABLE_READ_TIMEOUT_MS
    await harness.clock.sleep(limitMs - 100)
    return await call()
  }
}

/** How long it takes until it is settled, and how it is. */
async function timed<T>(work: Promise<T>): Promise<{ tookMs: number; settled: PromiseSettledResult<T> }> {
  const startedMs = harness.clock.nowMs()
  const [settled] = await harness.run(Promise.allSettled([work]))
  return { tookMs: harness.clock.nowMs() - startedMs, settled: settled! }
}

/** Fills the tail until the next append is the one that has to cut it. */
async function fillTail(broker: LogBroker): Promise<string[]> {
  const values: string[] = []
  const partition = await harness.partitionId('tides')
  for (;;) {
    const { tail } = (await harness.plain.index.readHead(partition))!
    if (countInlineBytes(tail) + 600 > TAIL_INLINE_SOFT_BYTES_MAX) return values
    values.push(`${values.length}`)
    await harness.run(produceTo(broker, values.at(-1)!, 500))
  }
}

describe('where every step is slow and succeeds', () => {
  test('the answer to a producer that cuts a tail goes out in its time, and nothing is lost by it', async () => {
    const broker = openFunction()
    await harness.run(broker.createTopic({ topic: 'tides' }))
    const values = await fillTail(broker)
    const startedMs = harness.clock.nowMs()
    harness.around = async (method, _, call) => {
      // Refused for nearly all of its time, so that the last try begins just before the deadline.
      if (method === 'append' && harness.clock.nowMs() - startedMs < FUNCTION_PRODUCE_DEADLINE_MS - 1_000) {
        await harness.clock.sleep(500)
        throw new NotApplied('throttled')
      }
      await harness.clock.sleep(TABLE_WRITE_TIMEOUT_MS - 100)
      return await call()
    }
    const { tookMs, settled } = await timed(produceTo(broker, 'last', 500))
    expect(settled).toMatchObject({ status: 'fulfilled', value: { baseOffset: values.length } })
    expect(tookMs).toBeLessThan(FUNCTION_ANSWER_MS)
    // What the cut has left open is done by the next one.
    await harness.run(broker.close())
    harness.around = (_, __, call) => call()
    const next = harness.open()
    next.start()
    await harness.run(next.close())
    const read = await harness.run(readAll(harness.open(), { topic: 'tides', partition: 0 }))
    expect(read.map(({ value }) => value)).toEqual([...values, 'last'])
    const findings = (await harness.verify()).findings
    expect(findings.filter(({ severity }) => severity === 'error')).toEqual([])
  })

  test('an answer waits for a cut no longer than it may', async () => {
    const broker = openFunction()
    await harness.run(broker.createTopic({ topic: 'tides' }))
    await fillTail(broker)
    harness.around = async (method, _, call) => {
      if (method === 'putBlock') await harness.clock.sleep(60_000)
      return await call()
    }
    const { tookMs, settled } = await timed(produceTo(broker, 'last', 500))
    expect([settled.status, tookMs]).toEqual(['fulfilled', FLUSH_BY_PRODUCER_MS])
  })

  test.each([
    ['a function', FUNCTION_PRODUCE_DEADLINE_MS, FUNCTION_ANSWER_MS],
    ['a server', undefined, CLIENT_TIMEOUT_MS],
  ])(
    'a producer hears in time from %s, also where it has to flush first',
    async (_, deadlineMs, withinMs) => {
      const maker = harness.open()
      await harness.run(maker.createTopic({ topic: 'tides' }))
      const partition = await harness.partitionId('tides')
      for (let number = 0; number <= TAIL_ENTRIES_HARD_MAX; number += 1) {
        await harness.plain.index.append(partition, objectEntry(1), toOffset(number))
      }
      slowDown()
      const broker = harness.open({
        flushes: 'elsewhere',
        ...(deadlineMs !== undefined && { produceDeadlineMs: deadlineMs }),
      })
      const calls = numbered(0, 5).map(value => produceTo(broker, value, 500))
      const { tookMs, settled } = await timed(Promise.allSettled(calls))
      expect(settled.status).toBe('fulfilled')
      expect(tookMs).toBeLessThan(withinMs)
    },
  )

  test('calls that wait for one another hear in time, too', async () => {
    const broker = openFunction()
    await harness.run(broker.createTopic({ topic: 'tides' }))
    slowDown()
    const calls: Promise<unknown>[] = []
    for (const value of numbered(0, 20)) {
      calls.push(produceTo(broker, value).catch(error => error))
      await harness.pass(100)
    }
    const { tookMs } = await timed(Promise.all(calls))
    expect(tookMs).toBeLessThan(FUNCTION_ANSWER_MS)
    harness.around = (_, __, call) => call()
    await harness.pass(60_000)
    const answers = await Promise.all(calls)
    const told = answers.flatMap(answer => (answer instanceof Error ? [] : [answer]))
    const read = await harness.run(readAll(harness.open(), { topic: 'tides', partition: 0 }))
    expect(read.length).toBeGreaterThanOrEqual(told.length)
  })

  test('a call about a group is answered in time', async () => {
    const broker = openFunction()
    await harness.run(broker.createTopic({ topic: 'tides' }))
    slowDown()
    const beat = {
      groupId: 'g',
      memberId: 'm',
      memberEpoch: 0,
      incarnation: 'i',
      clientId: '',
      topics: ['tides'],
      topicPattern: null,
      instanceId: null,
      owned: [],
    } as unknown as Parameters<LogBroker['heartbeat']>[0]
    const calls: (() => Promise<unknown>)[] = [
      () => broker.heartbeat(beat),
      () => broker.describeGroup('g'),
      () => broker.deleteGroup('g'),
      () => broker.listGroups(),
    ]
    for (const call of calls) {
      const { tookMs } = await timed(call())
      expect(tookMs).toBeLessThanOrEqual(GROUP_CALL_DEADLINE_MS + LAST_STEP_MS_MAX)
      expect(tookMs).toBeLessThan(FUNCTION_ANSWER_MS)
    }
  })

  test('a long poll ends in its time', async () => {
    const broker = openFunction()
    await harness.run(broker.createTopic({ topic: 'tides' }))
    const request = {
      topic: 'tides',
      partition: 0,
      offset: toOffset(0),
      maxWaitMs: FUNCTION_FETCH_WAIT_MS_MAX,
    }
    slowDown()
    const { tookMs, settled } = await timed(broker.fetch(request))
    expect(settled).toMatchObject({ status: 'fulfilled', value: { chunks: [] } })
    expect(tookMs).toBeLessThanOrEqual(FUNCTION_FETCH_WAIT_MS_MAX + FETCH_LAST_LOOK_MS_MAX)
  })
})
