import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Consumer } from '../../../../src/client/sdk/consuming/consumer.ts'
import { Tidemark } from '../../../../src/client/sdk/tidemark.ts'
import { TidemarkError } from '../../../../src/core/errors.ts'
import { toOffset } from '../../../../src/core/numbers.ts'
import { type AnyBroker, bent, openTides, until, writeNumbers } from './group-of-consumers.ts'

/** The shortest session that a group takes. */
const SESSION_MS = 6_000

/** What a consumer tells of trouble, in the order in which it does. */
function listen(consumer: Consumer): string[] {
  const told: string[] = []
  const { events } = consumer
  consumer.on(events.OUTAGE, ({ payload: { during, topic } }) =>
    told.push(`outage ${during} ${topic ?? ''}`.trim()),
  )
  consumer.on(events.OUTAGE_OVER, ({ payload: { during, duration } }) =>
    told.push(`over ${during}${duration > SESSION_MS ? ', long' : ''}`),
  )
  consumer.on(events.CRASH, ({ payload: { during, restart } }) => told.push(`crash ${during} ${restart}`))
  return told
}

/** What stderr gets, in place of stderr. */
function readStderr(): unknown[] {
  const written: unknown[] = []
  const spy = vi.spyOn(console, 'error').mockImplementation(text => void written.push(text))
  onTestFinished(() => spy.mockRestore())
  return written
}

/** A broker that can go away: calls fail, or hang as where a network swallows them. */
function leaving(broker: AnyBroker, state: { is: 'here' | 'gone' | 'silent' }): AnyBroker {
  return new Proxy(broker, {
    get(target, name) {
      const method = Reflect.get(target, name) as (...args: unknown[]) => unknown
      return async (...args: unknown[]) => {
        if (state.is === 'gone') throw new TidemarkError('NETWORK_EXCEPTION', 'Nobody there.')
        while (state.is === 'silent') await sleep(5)
        return method.apply(target, args)
      }
    },
  })
}

describe('a broker that goes away', () => {
  test.each(['gone', 'silent'] as const)(
    'and is %s: a member says so by the end of its session',
    async kind => {
      const state: { is: 'here' | 'gone' | 'silent' } = { is: 'here' }
      const { tidemark, consumer } = await openTides(2, broker => leaving(broker, state))
      const reader = consumer({ sessionTimeout: SESSION_MS })
      const told = listen(reader)
      const got: unknown[] = []
      await reader.subscribe({ topic: 'tides', fromBeginning: true })
      await reader.run({ eachMessage: async ({ message }) => void got.push(message) })
      await until(() => reader.assignment().length === 2)
      state.is = kind
      await until(() => told.some(text => text.startsWith('crash')))
      await sleep(1_000)
      // The broker is one trouble, however many partitions cannot be read.
      expect(told.filter(text => text.startsWith('crash'))).toEqual(['crash heartbeat true'])
      expect(new Set(told).size).toBe(told.length)
      expect(told).toContain('outage heartbeat')
      state.is = 'here'
      await until(() => told.includes('over heartbeat, long'))
      await writeNumbers(tidemark, 2, 1)
      await until(() => got.length === 2)
      expect(new Set(told).size).toBe(told.length)
    },
  )

  test('where nobody listens, stderr is told once, and again when it is over', async () => {
    const written = readStderr()
    const state: { is: 'here' | 'gone' | 'silent' } = { is: 'here' }
    const { consumer } = await openTides(1, broker => leaving(broker, state))
    const reader = consumer({ sessionTimeout: SESSION_MS })
    await reader.subscribe({ topic: 'tides' })
    await reader.run({ eachMessage: async () => {} })
    await until(() => reader.assignment().length === 1)
    state.is = 'gone'
    await sleep(SESSION_MS + 1_000)
    expect(written).toEqual([
      'The consumer of group gauges waits: NETWORK_EXCEPTION (heartbeat): Nobody there.',
    ])
    state.is = 'here'
    await until(() => written.length === 2)
    expect(written[1]).toMatch(/^The consumer of group gauges goes on: heartbeat works again, after \d+ s\.$/)
  })

  test('a consumer without a group says so, too, in a loop as well', async () => {
    const written = readStderr()
    const state: { is: 'here' | 'gone' | 'silent' } = { is: 'here' }
    const { broker, tidemark } = await openTides(1, each => leaving(each, state))
    const options = {
      sessionTimeout: 200,
      maxWaitTimeInMs: 20,
      retry: { initialRetryTime: 5, maxRetryTime: 20 },
    }
    const reader = tidemark.consumer(options)
    const told = listen(reader)
    const places = [{ topic: 'tides', partition: 0, offset: '0' }]
    reader.assign(places)
    await reader.run({ eachMessage: async () => {} })
    const looping = tidemark.consumer(options)
    onTestFinished(async () => {
      await Promise.all([reader.disconnect(), looping.disconnect()])
    })
    looping.assign(places)
    const first = looping.records()[Symbol.asyncIterator]().next()
    await sleep(50)
    state.is = 'gone'
    await until(() => told.length === 2 && written.length === 1)
    expect(told).toEqual(['outage fetch tides', 'crash fetch true'])
    expect(written[0]).toBe('The consumer waits: NETWORK_EXCEPTION (fetch): Nobody there.')
    state.is = 'here'
    await until(() => told.length === 3 && written.length === 2)
    expect(told[2]).toBe('over fetch')
    await writeNumbers(new Tidemark({ broker }), 1, 1)
    expect((await first).value).toMatchObject({ topic: 'tides' })
  })

  test('one partition that cannot be read is told, though the others can', async () => {
    let isDamaged = true
    const { tidemark, consumer } = await openTides(2, broker =>
      bent(broker, ({ fetch }) => ({
        fetch: async request => {
          if (isDamaged && request.partition === 1) throw new TidemarkError('KAFKA_STORAGE_ERROR', 'No disk.')
          return fetch.call(broker, request)
        },
      })),
    )
    await writeNumbers(tidemark, 2, 1)
    const reader = consumer()
    const told = listen(reader)
    const got: number[] = []
    await reader.subscribe({ topic: 'tides', fromBeginning: true })
    await reader.run({ eachMessage: async ({ partition }) => void got.push(partition) })
    await until(() => got.length === 1)
    await writeNumbers(tidemark, 2, 20, 1)
    await until(() => got.length === 21)
    expect(told).toEqual(['outage fetch tides'])
    isDamaged = false
    await until(() => got.length === 42)
    expect(told).toEqual(['outage fetch tides', 'over fetch'])
  })

  test('that it is over is told before a long poll ends', async () => {
    let failures = 2
    const { consumer } = await openTides(1, broker =>
      bent(broker, ({ fetch }) => ({
        fetch: async request => {
          if (failures-- > 0) throw new TidemarkError('NETWORK_EXCEPTION', 'Nobody there.')
          return fetch.call(broker, request)
        },
      })),
    )
    const reader = consumer({ maxWaitTimeInMs: 30_000 })
    const told = listen(reader)
    await reader.subscribe({ topic: 'tides', fromBeginning: true })
    await reader.run({ eachMessage: async () => {} })
    await until(() => told.length === 2)
    expect(told).toEqual(['outage fetch tides', 'over fetch'])
  })

  test('commits that cannot be made are told once, not once for each', async () => {
    let isRefusing = true
    const { tidemark, consumer } = await openTides(1, broker =>
      bent(broker, ({ commitOffsets }) => ({
        commitOffsets: async request => {
          if (isRefusing) throw new TidemarkError('INVALID_REQUEST', 'No.')
          return commitOffsets.call(broker, request)
        },
      })),
    )
    await writeNumbers(tidemark, 1, 1)
    const reader = consumer()
    const told = listen(reader)
    const committed: unknown[] = []
    reader.on(reader.events.COMMIT_OFFSETS, event => committed.push(event))
    await reader.subscribe({ topic: 'tides', fromBeginning: true })
    await reader.run({ autoCommitInterval: 10, eachMessage: async () => {} })
    await sleep(300)
    expect(told).toEqual(['crash commit true'])
    isRefusing = false
    await until(() => committed.length === 1)
  })
})

describe('a member that wakes up', () => {
  test('says what it lost: which partitions, how far it was, and what it had committed', async () => {
    let isAsleep = false
    const { broker, tidemark, consumer } = await openTides(2, each =>
      bent(each, ({ heartbeat }) => ({
        heartbeat: async request => {
          while (isAsleep) await sleep(5)
          return heartbeat.call(each, request)
        },
      })),
    )
    await writeNumbers(tidemark, 2, 3)
    const sleeper = consumer({ sessionTimeout: SESSION_MS })
    const told = listen(sleeper)
    const lost: unknown[] = []
    sleeper.on(sleeper.events.PARTITIONS_LOST, ({ payload: { partitions } }) => lost.push(...partitions))
    let memberId = ''
    sleeper.on(sleeper.events.HEARTBEAT, ({ payload }) => {
      memberId = payload.memberId
    })
    let records = 0
    await sleeper.subscribe({ topic: 'tides', fromBeginning: true })
    await sleeper.run({ autoCommit: false, eachMessage: async () => void records++ })
    await until(() => records === 6)
    await sleeper.commitOffsets([{ topic: 'tides', partition: 0, offset: '3' }])
    await sleeper.commitOffsets([{ topic: 'tides', partition: 1, offset: '1' }])
    isAsleep = true
    await broker.leaveGroup({ groupId: 'gauges', memberId })
    isAsleep = false
    await until(() => lost.length === 2)
    expect(lost).toEqual([
      { topic: 'tides', partition: 0, position: '3', committed: '3' },
      { topic: 'tides', partition: 1, position: '3', committed: '1' },
    ])
    // Where it joins again, what was not committed comes again.
    await until(() => records === 8)
    expect(told).toEqual([])
    expect(await broker.fetchOffsets({ groupId: 'gauges' })).toMatchObject([
      { offset: toOffset(3) },
      { offset: toOffset(1) },
    ])
  })
})

describe('what is subscribed to and not there', () => {
  test('is told once, waited for, and told when it comes', async () => {
    const { broker, consumer } = await openTides()
    const reader = consumer({ metadataMaxAge: 30 })
    const told = listen(reader)
    const got: string[] = []
    await reader.subscribe({ topics: ['tides', 'ebbs', 'floods'], fromBeginning: true })
    await reader.subscribe({ topicPattern: 'winds-.*', fromBeginning: true })
    await reader.run({ eachMessage: async ({ topic }) => void got.push(topic) })
    await until(() => told.length === 3)
    await sleep(100)
    expect(told).toEqual(['outage subscribe ebbs', 'outage subscribe floods', 'outage subscribe'])
    await broker.createTopic({ topic: 'ebbs' })
    await broker.createTopic({ topic: 'winds-north' })
    await until(() => told.length === 5)
    expect(told.slice(3)).toEqual(['over subscribe', 'over subscribe'])
    await broker.createTopic({ topic: 'floods' })
    await until(() => told.length === 6 && reader.assignment().length === 4)
  })

  test('is written to stderr where nobody listens', async () => {
    const written = readStderr()
    const { broker, consumer } = await openTides()
    const reader = consumer({ metadataMaxAge: 30 })
    await reader.subscribe({ topic: 'ebbs' })
    await reader.run({ eachMessage: async () => {} })
    await until(() => written.length === 1)
    expect(written[0]).toBe(
      'The consumer of group gauges waits: UNKNOWN_TOPIC_OR_PARTITION (subscribe): There is no topic ebbs: create it, or ' +
        'look at the name. Until then nothing of it is read.',
    )
    await broker.createTopic({ topic: 'ebbs' })
    await until(() => written.length === 2)
    expect(written[1]).toMatch(
      /^The consumer of group gauges goes on: there is a topic, ebbs, after \d+ s\.$/,
    )
  })

  test('when it is deleted meanwhile, too', async () => {
    const { broker, tidemark } = await openTides(3)
    let looks = 0
    const counting = bent(broker, each => ({
      listTopics: () => {
        looks++
        return each.listTopics()
      },
    }))
    const reader = new Tidemark({ broker: counting }).consumer({
      groupId: 'gauges',
      heartbeatInterval: 50,
      maxWaitTimeInMs: 100,
      metadataMaxAge: 60_000,
    })
    onTestFinished(() => reader.disconnect())
    const told = listen(reader)
    const got: unknown[] = []
    await reader.subscribe({ topic: 'tides', fromBeginning: true })
    await reader.run({ eachMessage: async ({ message }) => void got.push(message) })
    await until(() => reader.assignment().length === 3)
    await broker.deleteTopic('tides')
    await until(() => told.length === 1)
    expect(told).toEqual(['outage subscribe tides'])
    // One look for all of its partitions, or two where the first had begun already.
    expect(looks).toBeLessThanOrEqual(4)
    await broker.createTopic({ topic: 'tides' })
    await writeNumbers(tidemark, 1, 1)
    // By the heartbeat that assigns it, long before the next look.
    await until(() => got.length === 1 && told.length === 2)
    expect(told[1]).toBe('over subscribe')
  })

  test('ends a consumer that reads it without a group', async () => {
    const { tidemark } = await openTides()
    const reader = tidemark.consumer()
    const told = listen(reader)
    reader.assign([{ topic: 'ebbs', partition: 0, offset: '0' }])
    await reader.run({ eachMessage: async () => {} })
    await expect(reader.finished()).rejects.toMatchObject({ kafkaName: 'UNKNOWN_TOPIC_OR_PARTITION' })
    expect(told).toEqual(['crash fetch false'])
  })
})
