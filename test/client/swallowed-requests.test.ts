import { describe, expect, onTestFinished, test } from 'vitest'
import { patiently } from '../../src/cli/address/patience.ts'
import { consume } from '../../src/cli/commands/consume.ts'
import { consumeGroup } from '../../src/cli/commands/consume-group.ts'
import { deleteRecords } from '../../src/cli/commands/delete-records.ts'
import { describeGroup } from '../../src/cli/commands/group.ts'
import { offsets } from '../../src/cli/commands/offsets.ts'
import { PRODUCE_TUNING, produce } from '../../src/cli/commands/produce.ts'
import { resetGroup } from '../../src/cli/commands/reset-group.ts'
import { createTopic, deleteTopics, listTopics } from '../../src/cli/commands/topic.ts'
import { READING_DEFAULT } from '../../src/cli/consuming/record-printer.ts'
import { HttpBroker } from '../../src/client/http-broker.ts'
import type { Admin } from '../../src/client/sdk/admin.ts'
import { ConfigResourceTypes } from '../../src/client/sdk/admin-requests.ts'
import { Tidemark } from '../../src/client/sdk/tidemark.ts'
import { fakeTerminal } from '../cli/fake-terminal.ts'
import { serveBroker } from '../contract/http/served-broker.ts'
import { bent, until } from './sdk/consuming/group-of-consumers.ts'
import { swallowingProxy } from './swallowing-proxy.ts'

/** Long for a broker in the same process, and short for who waits. */
const REQUEST_MS = 200
const RETRY = { initialRetryTime: 5, maxRetryTime: 20 }
const SWALLOWED = ['request', 'answer'] as const

async function open() {
  const served = await serveBroker()
  const proxy = await swallowingProxy(served.url)
  onTestFinished(async () => {
    await proxy.close()
    await served.close()
  })
  await served.broker.createTopic({ topic: 'tides', partitions: 2 })
  const tidemark = new Tidemark({ url: proxy.url, requestTimeout: REQUEST_MS, retry: RETRY })
  const producer = new Tidemark({ broker: served.client }).producer()
  const write = (...values: string[]) =>
    producer.send({ topic: 'tides', messages: values.map(value => ({ value, partition: 0 })) })
  return { served, proxy, tidemark, write }
}

describe.each(SWALLOWED)('where the %s is swallowed', what => {
  test('produce: each record is in the log once', async () => {
    const { served, proxy, tidemark } = await open()
    proxy.swallow(/^POST .*\/records/, what)
    const producer = tidemark.producer()
    const sent = ['1', '2', '3'].map(value =>
      producer.send({ topic: 'tides', messages: [{ value, partition: 0 }] }),
    )
    await Promise.all(sent)
    expect(proxy.seen).toBeGreaterThan(1)
    const { offsets: ends } = await served.broker.describeTopic('tides')
    expect(ends[0]?.endOffset).toBe(3)
    proxy.swallow(/^GET \/topics\/tides$/, what)
    await tidemark.producer().send({ topic: 'tides', messages: [{ value: '4', partition: 0 }] })
    expect(proxy.left).toBe(0)
  })

  test('a fetch, and where to begin', async () => {
    const { proxy, tidemark, write } = await open()
    await write('1', '2')
    for (const pattern of [/\/topics\/tides\/fetch/, /\/partitions\/0\/offsets/]) {
      proxy.swallow(pattern, what)
      const consumer = tidemark.consumer({
        groupId: pattern.source.replaceAll(/\W/g, ''),
        maxWaitTimeInMs: 50,
      })
      await consumer.subscribe({ topic: 'tides', fromBeginning: true })
      const got: string[] = []
      await consumer.run({ eachMessage: async ({ message }) => void got.push(`${message.value}`) })
      await until(() => got.length === 2)
      expect([proxy.left, got]).toEqual([0, ['1', '2']])
      await consumer.disconnect()
    }
  })

  test('a located read: the look, and the bytes', async () => {
    const { served, proxy, write } = await open()
    const large = 'x'.repeat(10_000)
    await write(large)
    const http = new HttpBroker({ url: proxy.url })
    const located = bent(http, each => ({
      locate: async request => {
        const { ranges, ...rest } = await each.locate(request)
        const through = (url: string) => url.replace(served.url, proxy.url)
        return {
          ...rest,
          ranges: ranges.map(each => ('url' in each ? { ...each, url: through(each.url) } : each)),
        }
      },
    }))
    const tidemark = new Tidemark({ broker: located, requestTimeout: REQUEST_MS, retry: RETRY })
    const cases = [
      { pattern: /locate=true/, isAskedAgain: true, during: 'fetch' },
      // Not asked for again: it is read through the broker, and so is what follows for a while.
      { pattern: /\/objects\//, isAskedAgain: false, during: 'locate' },
    ]
    for (const { pattern, isAskedAgain, during } of cases) {
      proxy.swallow(pattern, what)
      const consumer = tidemark.consumer({ located: true, maxWaitTimeInMs: 50 })
      const outages: string[] = []
      consumer.on(consumer.events.OUTAGE, ({ payload }) => void outages.push(payload.during))
      consumer.assign([{ topic: 'tides', partition: 0, offset: '0' }])
      const got: string[] = []
      await consumer.run({ eachMessage: async ({ message }) => void got.push(`${message.value}`) })
      await until(() => got.length === 1)
      expect([proxy.left, proxy.seen > 1, got[0]]).toEqual([0, isAskedAgain, large])
      expect(outages).toEqual([during])
      await consumer.disconnect()
    }
  })

  test('the look for topics that are missing', async () => {
    const { proxy, tidemark } = await open()
    proxy.swallow(/^GET \/topics$/, what)
    const consumer = tidemark.consumer({ groupId: 'gauges', metadataMaxAge: 20, maxWaitTimeInMs: 50 })
    const missing: unknown[] = []
    consumer.on(consumer.events.OUTAGE, ({ payload }) => void missing.push(payload.topic))
    await consumer.subscribe({ topic: 'ebbs' })
    await consumer.run({ eachMessage: async () => {} })
    await until(() => missing.length === 1)
    expect([proxy.left, proxy.seen > 1, missing]).toEqual([0, true, ['ebbs']])
    await consumer.disconnect()
  })

  test('join, heartbeat, commit and leave', async () => {
    const { served, proxy, tidemark, write } = await open()
    const consumer = tidemark.consumer({ groupId: 'gauges', heartbeatInterval: 50, maxWaitTimeInMs: 50 })
    const told: string[] = []
    for (const name of [
      consumer.events.PARTITIONS_LOST,
      consumer.events.REBALANCING,
      consumer.events.CRASH,
    ]) {
      consumer.on(name, () => void told.push(name))
    }
    let delivered = 0
    await consumer.subscribe({ topic: 'tides', fromBeginning: true })
    proxy.swallow(/\/heartbeat$/, what)
    await consumer.run({ autoCommit: false, eachMessage: async () => void delivered++ })
    await until(() => consumer.assignment().length === 2)
    expect(proxy.left).toBe(0)

    proxy.swallow(/\/heartbeat$/, what)
    await until(() => proxy.seen > 2)
    await write('1')
    await until(() => delivered === 1)

    proxy.swallow(/^POST .*\/offsets$/, what)
    await consumer.commitOffsets([{ topic: 'tides', partition: 0, offset: '1' }])
    expect([proxy.left, proxy.seen > 1]).toEqual([0, true])

    proxy.swallow(/^DELETE .*\/members\//, what)
    await consumer.disconnect()
    expect([proxy.left, proxy.seen > 1]).toEqual([0, true])
    const { members, partitions } = await served.client.describeGroup('gauges')
    expect([members, partitions[0]?.committedOffset, told]).toEqual([0, 1, []])
  })

  const groupId = 'gauges'
  const partitions = [{ partition: 0, offset: '1' }]
  const topic = { type: ConfigResourceTypes.TOPIC, name: 'tides' }
  const configEntries = [{ name: 'flush.ms', value: '100' }]
  test.each<[name: string, pattern: RegExp, call: (admin: Admin) => Promise<unknown>, answer: unknown]>([
    ['listTopics', /^GET \/topics$/, admin => admin.listTopics(), ['tides']],
    [
      'fetchTopicMetadata',
      /^GET \/topics$/,
      admin => admin.fetchTopicMetadata(),
      { topics: [{ name: 'tides' }] },
    ],
    ['createTopics', /^POST \/topics$/, admin => admin.createTopics({ topics: [{ topic: 'new' }] }), true],
    ['deleteTopics', /^DELETE \/topics/, admin => admin.deleteTopics({ topics: ['tides'] }), undefined],
    [
      'createPartitions',
      /^PATCH \/topics/,
      admin => admin.createPartitions({ topicPartitions: [{ topic: 'tides', count: 3 }] }),
      true,
    ],
    [
      'fetchTopicOffsets',
      /^GET \/topics\/tides$/,
      admin => admin.fetchTopicOffsets('tides'),
      [{ high: '2' }, { high: '0' }],
    ],
    [
      'fetchTopicOffsetsByTimestamp',
      /\/partitions\/0\/offsets/,
      admin => admin.fetchTopicOffsetsByTimestamp('tides', 0),
      [{ offset: '0' }, { offset: '0' }],
    ],
    [
      'deleteTopicRecords',
      /^DELETE .*records/,
      admin => admin.deleteTopicRecords({ topic: 'tides', partitions }),
      undefined,
    ],
    [
      'describeConfigs',
      /^GET \/topics\/tides$/,
      admin => admin.describeConfigs({ resources: [topic] }),
      { throttleTime: 0 },
    ],
    [
      'alterConfigs',
      /^PATCH \/topics/,
      admin => admin.alterConfigs({ resources: [{ ...topic, configEntries }] }),
      undefined,
    ],
    ['listGroups', /^GET \/groups$/, admin => admin.listGroups(), { groups: [{ groupId }] }],
    [
      'describeGroups',
      /^GET \/groups\/gauges$/,
      admin => admin.describeGroups([groupId]),
      { groups: [{ state: 'Empty' }] },
    ],
    [
      'deleteGroups',
      /^DELETE \/groups\/gauges$/,
      admin => admin.deleteGroups([groupId]),
      [{ groupId, errorCode: 0 }],
    ],
    ['fetchOffsets', /^GET .*\/offsets/, admin => admin.fetchOffsets({ groupId }), [{ topic: 'tides' }]],
    [
      'setOffsets',
      /^POST .*\/offsets$/,
      admin => admin.setOffsets({ groupId, topic: 'tides', partitions }),
      undefined,
    ],
    [
      'resetOffsets',
      /^POST .*\/offsets$/,
      admin => admin.resetOffsets({ groupId, topic: 'tides' }),
      undefined,
    ],
  ])('admin.%s', async (name, pattern, call, answer) => {
    const { served, proxy, tidemark, write } = await open()
    await write('1', '2')
    await new Tidemark({ broker: served.client }).admin().setOffsets({ groupId, topic: 'tides', partitions })
    proxy.swallow(pattern, what)
    const answered = await call(tidemark.admin())
    if (answer === undefined) expect(answered).toBeUndefined()
    else expect({ answered }).toMatchObject({ answered: answer })
    expect(proxy.left).toBe(0)
    // Where it was only the answer that came late, a deletion finds nothing left to delete.
    expect(proxy.seen).toBeGreaterThanOrEqual(name === 'deleteTopics' && what === 'answer' ? 1 : 2)
  })
})

test('a topic that was made anew while nobody knew is not deleted for the old one', async () => {
  const { served, proxy, tidemark } = await open()
  proxy.swallow(/^DELETE \/topics/, 'answer')
  const deleting = tidemark.admin().deleteTopics({ topics: ['tides'] })
  await until(async () => (await served.client.listTopics()).length === 0)
  const { topicId } = await served.broker.createTopic({ topic: 'tides' })
  await deleting
  expect(await served.client.listTopics()).toMatchObject([{ topic: 'tides', topicId }])
})

describe('the command line', () => {
  const settings = {
    forMs: 10 * REQUEST_MS,
    tryMs: REQUEST_MS,
    firstPauseMs: 5,
    pauseMaxMs: 20,
    random: Math.random,
  }
  const reading = { ...READING_DEFAULT, maxWaitTimeInMs: 50, requestTimeout: REQUEST_MS, retry: RETRY }
  const what = { from: 'earliest', recordsMax: null, exitAtEnd: true } as const
  const format = ({ record }: { record: { value: Uint8Array | null } }) => [Buffer.from(`${record.value}\n`)]

  async function openCommand() {
    const opened = await open()
    await opened.write('1', '2')
    const terminal = fakeTerminal(['3\n'])
    const broker = patiently(new HttpBroker({ url: opened.proxy.url }), terminal, settings)
    return { ...opened, terminal, broker }
  }
  type Command = (opened: Awaited<ReturnType<typeof openCommand>>) => Promise<number>
  const group = { groupId: 'gauges', topics: ['tides'], topicPattern: null, instanceId: null, assignor: null }

  test.each<[name: string, patterns: RegExp[], run: Command]>([
    ['topic list', [/^GET \/topics$/], ({ broker, terminal }) => listTopics(broker, {}, terminal)],
    [
      'topic create',
      [/^POST \/topics$/],
      ({ broker, terminal }) => createTopic(broker, { topic: 'ebbs' }, {}, terminal),
    ],
    [
      'topic delete',
      [/^DELETE \/topics/],
      ({ broker, terminal }) => deleteTopics(broker, ['tides'], {}, terminal),
    ],
    [
      'offsets',
      [/^GET \/topics\/tides$/, /\/partitions\/1\/offsets/],
      ({ broker, terminal }) => offsets(broker, { topic: 'tides', at: 'earliest', groupId: null }, terminal),
    ],
    [
      'delete-records',
      [/^DELETE .*records/],
      ({ broker, terminal }) => deleteRecords(broker, { topic: 'tides', partition: 0, before: 1 }, terminal),
    ],
    [
      'group reset',
      [/^GET \/groups\/gauges$/, /^GET .*\/offsets/, /^POST .*\/offsets$/],
      ({ broker, terminal }) =>
        resetGroup(
          broker,
          { groupId: 'gauges', topics: [{ topic: 'tides', partition: null }], to: 'earliest' },
          terminal,
        ),
    ],
    [
      'produce',
      [/^GET \/topics\/tides$/, /^POST .*records/],
      ({ broker, terminal }) =>
        produce(
          broker,
          {
            topic: 'tides',
            syntax: { keySeparator: null, nullMarker: null },
            partition: null,
            headers: [],
            compression: 'none',
            batchRecords: 100,
          },
          terminal.input,
          terminal,
          { ...PRODUCE_TUNING, retry: settings },
        ),
    ],
    [
      'consume',
      [/^GET \/topics\/tides$/, /\/topics\/tides\/fetch/],
      ({ broker, terminal }) =>
        consume(
          broker,
          { ...what, topic: 'tides', partitions: [], format: format as never },
          terminal,
          reading,
        ),
    ],
    [
      'consume --group',
      [
        /^GET \/topics\/tides$/,
        /\/heartbeat$/,
        /\/topics\/tides\/fetch/,
        /^POST .*\/offsets$/,
        /^DELETE .*members/,
      ],
      ({ broker, terminal }) =>
        consumeGroup(
          broker,
          { ...what, ...group, sessionTimeoutMs: 45_000, format: format as never },
          terminal,
          reading,
        ),
    ],
  ])('%s', async (_, patterns, run) => {
    for (const pattern of patterns) {
      const opened = await openCommand()
      opened.proxy.swallow(pattern, 'request')
      expect([pattern, await run(opened), opened.terminal.noted()]).toEqual([pattern, 0, expect.any(String)])
      expect([pattern, opened.proxy.left]).toEqual([pattern, 0])
    }
  })

  test('group describe --watch goes on, says why it waits, and ends with Ctrl-C at any time', async () => {
    const { served, proxy, terminal, broker } = await openCommand()
    const partitions = [{ partition: 0, offset: '1' }]
    await new Tidemark({ broker: served.client })
      .admin()
      .setOffsets({ groupId: 'gauges', topic: 'tides', partitions })
    const watching = describeGroup(broker, 'gauges', { json: true, watch: true }, terminal, 5)
    const printed = () => `${terminal.printed()}`.split('\n').length
    await until(() => printed() > 2)
    proxy.swallow(/^GET \/groups\/gauges$/, 'request')
    const before = printed()
    await until(() => proxy.left === 0 && printed() > before + 2)
    expect(terminal.noted()).toMatch(/REQUEST_TIMED_OUT: .* did not answer in time.* Trying again\./)
    terminal.interrupt()
    expect(await watching).toBe(0)
    // Also in the midst of a request, which may take very long.
    const waiting = fakeTerminal()
    const patience = { ...settings, forMs: 120_000, tryMs: 120_000 }
    const patient = patiently(new HttpBroker({ url: proxy.url }), waiting, patience)
    proxy.swallow(/^GET \/groups\/gauges$/, 'request', 100)
    const watchingOn = describeGroup(patient, 'gauges', { json: true, watch: true }, waiting, 5)
    await until(() => proxy.seen > 0)
    waiting.interrupt()
    expect(await watchingOn).toBe(0)
  })

  test('what fails at once is told at once', async () => {
    const terminal = fakeTerminal()
    const broker = patiently(new HttpBroker({ url: 'http://127.0.0.1:9' }), terminal, settings)
    const beganMs = performance.now()
    await expect(listTopics(broker, {}, terminal)).rejects.toMatchObject({ kafkaName: 'NETWORK_EXCEPTION' })
    expect(performance.now() - beganMs).toBeLessThan(settings.forMs)
    expect(terminal.noted()).toBe('')
  })
})
