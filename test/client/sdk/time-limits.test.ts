import { afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { ProducerOptions } from '../../../src/client/sdk/producing/producer-options.ts'
import { Tidemark } from '../../../src/client/sdk/tidemark.ts'
import {
  CLIENT_TIMEOUT_MS,
  HEARTBEAT_ATTEMPTS_MIN,
  SESSION_TIMEOUT_MS_MIN,
  TERMINATION_GRACE_MS,
} from '../../../src/core/limits.ts'
import { openInMemory } from '../../../src/embedded/embedded.ts'
import { type AnyBroker, bent } from './consuming/group-of-consumers.ts'
import { stopClock, timed } from './wound-clock.ts'

// By a clock that the test winds: nothing here waits.

// What a broker loads when it is first asked takes time of the real world.
beforeAll(async () => {
  const { broker, close } = openInMemory()
  await broker.createTopic({ topic: 'tides' })
  const consumer = new Tidemark({ broker }).consumer({ groupId: 'gauges' })
  await consumer.subscribe({ topic: 'tides' })
  await consumer.run({ eachMessage: async () => {} })
  await consumer.disconnect()
  await close()
})
beforeEach(stopClock)
afterEach(() => {
  vi.useRealTimers()
})

/** A topic `tides`, of a broker that swallows what it is told to; what was asked is counted by name. */
async function openSwallowing(): Promise<{
  broker: AnyBroker
  /** Calls that get no answer. */
  swallowed: { next: Map<string, number>; all: boolean }
  calls: (name: string) => number
}> {
  const { broker, close } = openInMemory()
  onTestFinished(async () => {
    vi.useRealTimers()
    await close()
  })
  await timed(broker.createTopic({ topic: 'tides' }))
  const swallowed = { next: new Map<string, number>(), all: false }
  const counts = new Map<string, number>()
  const swallowing = new Proxy(broker, {
    get(target, name) {
      const call: unknown = Reflect.get(target, name)
      if (typeof call !== 'function' || typeof name !== 'string') return call
      return (...given: unknown[]) => {
        counts.set(name, (counts.get(name) ?? 0) + 1)
        const left = swallowed.next.get(name) ?? 0
        if (left > 0) swallowed.next.set(name, left - 1)
        return left > 0 || swallowed.all ? new Promise(() => {}) : call.apply(target, given)
      }
    },
  })
  return { broker: swallowing, swallowed, calls: name => counts.get(name) ?? 0 }
}

const MESSAGES = [{ value: 'ebb' }]

describe('a producer', () => {
  async function openProducer(options: ProducerOptions = {}) {
    const opened = await openSwallowing()
    return { ...opened, producer: new Tidemark({ broker: opened.broker }).producer(options) }
  }

  test('sends again what was swallowed, once a request has had its time', async () => {
    const { producer, swallowed, calls } = await openProducer()
    swallowed.next.set('produce', 1)
    const { ms, value } = await timed(producer.send({ topic: 'tides', messages: MESSAGES }))
    expect(value?.[0]).toMatchObject({ baseOffset: '0' })
    expect(calls('produce')).toBe(2)
    expect(ms).toBeGreaterThanOrEqual(CLIENT_TIMEOUT_MS)
    expect(ms).toBeLessThan(CLIENT_TIMEOUT_MS + 500)
  })

  test.each([5_000, 30_000, 120_000])(
    'has an answer within deliveryTimeoutMs, %i',
    async deliveryTimeoutMs => {
      const { producer, swallowed, calls } = await openProducer({ deliveryTimeoutMs })
      await timed(producer.send({ topic: 'tides', messages: MESSAGES }))
      swallowed.next.set('produce', Number.POSITIVE_INFINITY)
      const first = timed(producer.send({ topic: 'tides', messages: MESSAGES }))
      await vi.advanceTimersByTimeAsync(1_000)
      // Behind one that is on its way, and with a time of its own.
      const second = timed(producer.send({ topic: 'tides', messages: MESSAGES }))
      const [one, other] = [await first, await second]
      expect(one.error).toMatchObject({ kafkaName: 'REQUEST_TIMED_OUT', written: 'unknown' })
      // As exact as the clock that both wind, in steps of 50.
      expect(one.ms).toBeLessThanOrEqual(deliveryTimeoutMs + 100)
      expect(other.error).toMatchObject({ kafkaName: 'REQUEST_TIMED_OUT' })
      expect(other.ms).toBeLessThanOrEqual(deliveryTimeoutMs + 100)
      expect(calls('produce')).toBeGreaterThan(2)
    },
  )

  test('the time counts from send: looking for the topic and waiting for room are part of it', async () => {
    const deliveryTimeoutMs = 20_000
    const { producer, swallowed } = await openProducer({ deliveryTimeoutMs, pendingBytesMax: 1 })
    swallowed.next.set('describeTopic', 1)
    const asked = await timed(producer.send({ topic: 'tides', messages: MESSAGES }))
    expect(asked.value).toHaveLength(1)
    swallowed.next.set('produce', Number.POSITIVE_INFINITY)
    void producer.send({ topic: 'tides', messages: MESSAGES }).catch(() => {})
    await vi.advanceTimersByTimeAsync(15_000)
    // Room comes when the first one has failed, after 5 s; then this one has 15 s.
    const waited = await timed(producer.send({ topic: 'tides', messages: MESSAGES }))
    expect(waited.error).toMatchObject({ kafkaName: 'REQUEST_TIMED_OUT', written: 'unknown' })
    expect(waited.ms).toBeLessThanOrEqual(deliveryTimeoutMs + 50)
    const { producer: unheard, swallowed: nothing } = await openProducer({ deliveryTimeoutMs })
    nothing.all = true
    const lost = await timed(unheard.send({ topic: 'tides', messages: MESSAGES }))
    expect(lost.error).toMatchObject({ kafkaName: 'REQUEST_TIMED_OUT', written: 'no' })
    expect(lost.ms).toBeLessThanOrEqual(deliveryTimeoutMs + 50)
  })

  test('disconnects within the grace of a SIGTERM from a broker that swallows everything', async () => {
    const { producer, swallowed } = await openProducer()
    await timed(producer.send({ topic: 'tides', messages: MESSAGES }))
    swallowed.all = true
    const settled: unknown[] = []
    for (const value of ['on its way', 'behind it']) {
      producer.send({ topic: 'tides', messages: [{ value }] }).catch(error => settled.push(error.written))
      await vi.advanceTimersByTimeAsync(100)
    }
    const { ms } = await timed(producer.disconnect())
    expect(ms).toBeLessThan(TERMINATION_GRACE_MS)
    expect(settled).toEqual(['unknown', 'no'])
    swallowed.all = false
    await producer.connect()
    expect((await timed(producer.send({ topic: 'tides', messages: MESSAGES }))).value).toHaveLength(1)
  })

  test('is refused a time in which no request can be answered, as by Kafka', async () => {
    const { broker } = await openSwallowing()
    const tidemark = new Tidemark({ broker })
    for (const options of [
      { deliveryTimeoutMs: 1_000 },
      { deliveryTimeoutMs: 30_000, requestTimeout: 30_000 },
      { deliveryTimeoutMs: 60_000, lingerMs: 59_500 },
    ]) {
      expect(() => tidemark.producer(options)).toThrow(/deliveryTimeoutMs/)
    }
    tidemark.producer({ deliveryTimeoutMs: 1_005 })
    tidemark.producer({ deliveryTimeoutMs: 30_005, requestTimeout: 30_000 })
    tidemark.producer({ deliveryTimeoutMs: 60, requestTimeout: 50 })
  })
})

describe('a consumer', () => {
  async function openConsumer(options: object = {}) {
    const opened = await openSwallowing()
    const tidemark = new Tidemark({ broker: opened.broker })
    const consumer = tidemark.consumer({ groupId: 'gauges', ...options })
    const told: string[] = []
    for (const name of [
      consumer.events.OUTAGE,
      consumer.events.PARTITIONS_LOST,
      consumer.events.REBALANCING,
    ]) {
      consumer.on(name, () => void told.push(name))
    }
    const got: string[] = []
    const run = async () => {
      await consumer.subscribe({ topic: 'tides', fromBeginning: true })
      await consumer.run({ eachMessage: async ({ message }) => void got.push(String(message.value)) })
    }
    const write = (value: string) =>
      timed(tidemark.producer().send({ topic: 'tides', messages: [{ value }] }))
    return { ...opened, consumer, told, got, run, write }
  }

  test('joins although the first heartbeat was swallowed', async () => {
    const { consumer, swallowed, run } = await openConsumer()
    swallowed.next.set('heartbeat', 1)
    const { ms, error } = await timed(run())
    expect(error).toBeUndefined()
    expect(ms).toBeLessThan(CLIENT_TIMEOUT_MS)
    await timed(consumer.disconnect())
  })

  test.each([SESSION_TIMEOUT_MS_MIN, 45_000])(
    'loses nothing by two heartbeats that are swallowed, with a session of %i',
    async sessionTimeout => {
      const { consumer, swallowed, told, got, run, write, calls } = await openConsumer({ sessionTimeout })
      await timed(run())
      await write('before')
      await vi.advanceTimersByTimeAsync(5_000)
      swallowed.next.set('heartbeat', 2)
      const before = calls('heartbeat')
      while (calls('heartbeat') < before + 3) await vi.advanceTimersByTimeAsync(50)
      await vi.advanceTimersByTimeAsync(5_000)
      await write('after')
      await vi.advanceTimersByTimeAsync(5_000)
      expect(told).toEqual(['consumer.outage'])
      expect(got).toEqual(['before', 'after'])
      await timed(consumer.disconnect())
    },
  )

  test('asks several times before its session is over, when nothing is answered any more', async () => {
    const { consumer, swallowed, run, calls } = await openConsumer()
    await timed(run())
    await vi.advanceTimersByTimeAsync(10_000)
    const before = calls('heartbeat')
    swallowed.all = true
    await vi.advanceTimersByTimeAsync(41_000)
    expect(calls('heartbeat') - before).toBeGreaterThanOrEqual(HEARTBEAT_ATTEMPTS_MIN)
    swallowed.all = false
    await timed(consumer.disconnect())
  })

  test('reads on after a fetch that was swallowed, which has its wait and a request', async () => {
    const { consumer, swallowed, got, run, write, calls } = await openConsumer()
    await timed(run())
    // The first one finds out whether this broker wakes, the second waits; this is the third.
    swallowed.next.set('fetchMany', 1)
    await vi.advanceTimersByTimeAsync(5_100)
    expect([calls('fetchMany'), swallowed.next.get('fetchMany')]).toEqual([3, 0])
    await write('ebb')
    await vi.advanceTimersByTimeAsync(5_000 + CLIENT_TIMEOUT_MS - 1_000)
    expect([calls('fetchMany'), got]).toEqual([3, []])
    await vi.advanceTimersByTimeAsync(2_000)
    expect(got).toEqual(['ebb'])
    await timed(consumer.disconnect())
  })

  test('commits again what was swallowed, and does not gather commits meanwhile', async () => {
    const { consumer, broker, swallowed, run, write, calls } = await openConsumer()
    await timed(run())
    swallowed.next.set('commitOffsets', 1)
    await write('ebb')
    await vi.advanceTimersByTimeAsync(CLIENT_TIMEOUT_MS + 10_000)
    const [committed] = await broker.fetchOffsets({ groupId: 'gauges' })
    expect(committed?.offset).toBe(1)
    expect(calls('commitOffsets')).toBe(2)
    await timed(consumer.disconnect())
  })

  test.each(['commitOffsets', 'leaveGroup', 'heartbeat'])(
    'commits and leaves, although a %s of its end was swallowed',
    async name => {
      const { consumer, broker, swallowed, run, write } = await openConsumer()
      await timed(run())
      await write('ebb')
      await vi.advanceTimersByTimeAsync(1_000)
      swallowed.next.set(name, 1)
      // A heartbeat of its own time, so that it is under way.
      if (name === 'heartbeat') await vi.advanceTimersByTimeAsync(3_000)
      const { ms } = await timed(consumer.disconnect())
      expect(ms).toBeLessThan(TERMINATION_GRACE_MS / 2)
      const [committed] = await broker.fetchOffsets({ groupId: 'gauges' })
      expect(committed?.offset).toBe(1)
      expect((await broker.describeGroup('gauges')).members).toBe(0)
    },
  )

  test('disconnects within the grace of a SIGTERM from a broker that swallows everything', async () => {
    const { consumer, swallowed, got, run, write } = await openConsumer({ retry: {} })
    const told: string[] = []
    consumer.on(consumer.events.CRASH, ({ payload: { during } }) => void told.push(during))
    await timed(run())
    await write('ebb')
    await vi.advanceTimersByTimeAsync(1_000)
    expect(got).toEqual(['ebb'])
    swallowed.all = true
    // A commit and a heartbeat are under way, and a fetch.
    await vi.advanceTimersByTimeAsync(6_000)
    const { ms } = await timed(consumer.disconnect())
    expect(ms).toBeLessThan(TERMINATION_GRACE_MS)
    expect(told.slice(-2)).toEqual(['commit', 'leave'])
  })

  test('disconnects in that time while it joins, too', async () => {
    const { consumer, swallowed, run } = await openConsumer()
    swallowed.all = true
    const joining = timed(run())
    await vi.advanceTimersByTimeAsync(1_000)
    const { ms } = await timed(consumer.disconnect())
    expect(ms).toBeLessThan(TERMINATION_GRACE_MS)
    expect((await joining).error).toMatchObject({ kafkaName: 'INVALID_REQUEST' })
  })

  test('whoever holds a commit back does not hold up the end', async () => {
    const { consumer, write } = await openConsumer()
    await consumer.subscribe({ topic: 'tides', fromBeginning: true })
    const beforeCommit = () => new Promise<boolean>(() => {})
    await timed(consumer.run({ eachMessage: async () => {}, beforeCommit }))
    await write('ebb')
    await vi.advanceTimersByTimeAsync(7_000)
    const { ms } = await timed(consumer.disconnect())
    expect(ms).toBeLessThan(TERMINATION_GRACE_MS)
  })
})

test('looks for new partitions one at a time, and leaves none behind', async () => {
  const { broker, swallowed, calls } = await openSwallowing()
  const consumer = new Tidemark({ broker: bent(broker, () => ({})) }).consumer({ metadataMaxAge: 1_000 })
  consumer.assign([{ topic: 'tides', partition: 0, offset: '0' }], { follow: true })
  // The look for the topic's id, and the first one for new partitions.
  swallowed.next.set('describeTopic', 2)
  await timed(consumer.run({ eachMessage: async () => {} }))
  await vi.advanceTimersByTimeAsync(CLIENT_TIMEOUT_MS - 1_000)
  expect(calls('describeTopic')).toBe(2)
  await vi.advanceTimersByTimeAsync(4_000)
  expect(calls('describeTopic')).toBeGreaterThan(2)
  await timed(consumer.disconnect())
})
