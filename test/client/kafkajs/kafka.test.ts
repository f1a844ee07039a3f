import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  AssignerProtocol,
  ConfigResourceTypes,
  type Consumer,
  type ConsumerConfig,
  type EmbeddedKafkaConfig,
  Kafka,
  type KafkaConfig,
  KafkaJSAggregateError,
  KafkaJSDeleteGroupsError,
  KafkaJSDeleteTopicRecordsError,
  KafkaJSNonRetriableError,
  KafkaJSNotImplemented,
  KafkaJSNumberOfRetriesExceeded,
  KafkaJSProtocolError,
  logLevel,
  PartitionAssigners,
} from '../../../src/client/kafkajs/index.ts'
import { TidemarkError } from '../../../src/core/errors.ts'
import { openInMemory } from '../../../src/embedded/embedded.ts'
import { until } from '../sdk/consuming/group-of-consumers.ts'

async function open(config: Partial<EmbeddedKafkaConfig> = {}) {
  const { broker, close } = openInMemory()
  onTestFinished(close)
  const kafka = new Kafka({ broker, logLevel: logLevel.NOTHING, ...config })
  const consumer = (options: Partial<ConsumerConfig> = {}): Consumer => {
    const made = kafka.consumer({
      groupId: 'gauges',
      heartbeatInterval: 50,
      maxWaitTimeInMs: 100,
      retry: { initialRetryTime: 5, maxRetryTime: 20 },
      ...options,
    })
    onTestFinished(() => made.disconnect(), 10_000)
    return made
  }
  return { broker, kafka, admin: kafka.admin(), producer: kafka.producer(), consumer }
}

/** A server that answers that there are no topics. @returns its address, and what was asked of it */
async function openServer() {
  const asked: (string | undefined)[] = []
  const server = createServer((request, response) => {
    asked.push(request.headers.authorization)
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ topics: [] }))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

describe('where it is', () => {
  test('host:port is http; of several the first; a function may tell', async () => {
    const { address, asked } = await openServer()
    const ways: KafkaConfig['brokers'][] = [
      [address],
      [`http://${address}`],
      [`http://${address}/`, 'elsewhere:9092'],
      () => [address],
      async () => [address],
    ]
    for (const brokers of ways) {
      const admin = new Kafka({ brokers }).admin()
      expect(await admin.listTopics()).toEqual([])
      expect(await admin.describeCluster()).toMatchObject({ brokers: [{ nodeId: 0, host: '127.0.0.1' }] })
    }
    expect(asked.length).toBe(2 * ways.length)
  })

  test('a function is asked when it is needed, again when it failed, and then no more', async () => {
    const { address } = await openServer()
    let asked = 0
    const brokers = () => {
      if (asked++ === 0) throw new Error('not yet')
      return [address]
    }
    const admin = new Kafka({ brokers }).admin()
    await expect(admin.listTopics()).rejects.toThrow(/not yet/)
    expect(await admin.listTopics()).toEqual([])
    expect(await admin.listTopics()).toEqual([])
    expect(asked).toBe(2)
  })

  test('a token comes as such, as the password of sasl, or from the provider that sasl names', async () => {
    const { address, asked } = await openServer()
    const brokers = [address]
    let provided = 0
    const oauthBearerProvider = async () => ({ value: `oauth-${provided++}` })
    const ways: KafkaConfig[] = [
      { brokers, token: 'own' },
      { brokers, sasl: { mechanism: 'plain', username: 'gauge', password: 'plain' } },
      { brokers, sasl: { mechanism: 'oauthbearer', oauthBearerProvider } },
      { brokers, sign: async () => ({ authorization: 'signed' }) },
    ]
    for (const config of ways) {
      const admin = new Kafka(config).admin()
      await admin.listTopics()
      await admin.listTopics()
    }
    expect(asked).toEqual([
      ...['Bearer own', 'Bearer own', 'Bearer plain', 'Bearer plain'],
      ...['Bearer oauth-0', 'Bearer oauth-1', 'signed', 'signed'],
    ])
  })

  test('what is no address, and what is not there, is refused', () => {
    // biome-ignore lint/suspicious/noExplicitAny: as a program without types would
    const make = (config: any) => () => new Kafka({ brokers: ['localhost:8082'], ...config })
    for (const brokers of [[], [''], undefined, 'localhost', ['ftp://localhost'], ['a b:1'], [7]]) {
      expect(make({ brokers })).toThrow(KafkaJSNonRetriableError)
    }
    expect(make({ ssl: true, brokers: ['http://localhost'] })).toThrow(/not encrypted/)
    expect(make({ ssl: true })).not.toThrow()
    expect(make({ ssl: { ca: ['x'] } })).toThrow(/NODE_EXTRA_CA_CERTS/)
    expect(make({ socketFactory: () => {} })).toThrow(/socketFactory/)
    const sasl = { mechanism: 'scram-sha-256', username: 'a', password: 'b' }
    expect(make({ sasl })).toThrow(/"scram-sha-256" here: give a token/)
    expect(make({ sasl: { mechanism: 'aws' } })).toThrow(/signedByAws/)
    expect(make({ sasl: { mechanism: 'own', authenticationProvider: () => {} } })).toThrow(/"own"/)
    const withoutEffect = { connectionTimeout: 1, requestTimeout: 1, enforceRequestTimeout: true }
    expect(make({ ...withoutEffect, authenticationTimeout: 1, reauthenticationThreshold: 1 })).not.toThrow()
  })
})

describe('topics that do not exist', () => {
  test('are made by a producer and by a consumer, unless they shall not', async () => {
    const { kafka, producer, admin, consumer } = await open()
    await producer.send({ topic: 'tides', messages: [{ value: 'ebb' }] })
    await consumer().subscribe({ topics: ['ebbs', 'floods', /neaps/] })
    expect(await admin.listTopics()).toEqual(['ebbs', 'floods', 'tides'])
    const unknown = {
      name: 'KafkaJSProtocolError',
      type: 'UNKNOWN_TOPIC_OR_PARTITION',
      code: 3,
      retriable: true,
    }
    const careful = kafka.producer({ allowAutoTopicCreation: false })
    await expect(careful.send({ topic: 'none', messages: [{ value: 'x' }] })).rejects.toMatchObject(unknown)
    const reader = consumer({ allowAutoTopicCreation: false })
    await expect(reader.subscribe({ topic: 'none' })).rejects.toMatchObject(unknown)
    expect(await admin.listTopics()).toEqual(['ebbs', 'floods', 'tides'])
  })
})

describe('an admin', () => {
  test('says of several things which failed, in KafkaJS’s classes', async () => {
    const { admin } = await open()
    await admin.createTopics({ topics: [{ topic: 'tides', numPartitions: -1 }] })
    await admin.setOffsets({ groupId: 'gauges', topic: 'tides', partitions: [{ partition: 0, offset: '0' }] })
    const deleted = await admin.deleteGroups(['nobody', 'gauges']).catch(error => error)
    expect(deleted).toBeInstanceOf(KafkaJSDeleteGroupsError)
    expect(deleted.groups).toMatchObject([
      {
        groupId: 'nobody',
        errorCode: 69,
        error: { type: 'GROUP_ID_NOT_FOUND', name: 'KafkaJSProtocolError' },
      },
    ])
    expect(await admin.listGroups()).toEqual({ groups: [] })
    const made = await admin
      .createTopics({ topics: [{ topic: 'a b' }, { topic: 'ebbs' }] })
      .catch(error => error)
    expect(made).toBeInstanceOf(KafkaJSAggregateError)
    expect(made.errors).toMatchObject([{ name: 'KafkaJSCreateTopicError', topic: 'a b', code: 17 }])
    const partitions = [
      { partition: 7, offset: '0' },
      { partition: 0, offset: '0' },
    ]
    const removed = await admin.deleteTopicRecords({ topic: 'tides', partitions }).catch(error => error)
    expect(removed).toBeInstanceOf(KafkaJSDeleteTopicRecordsError)
    expect(removed.partitions).toMatchObject([{ partition: 7, offset: '0', error: { code: 3 } }])
    await expect(admin.deleteTopics({ topics: ['none', 'ebbs'] })).rejects.toMatchObject({ code: 3 })
    expect(await admin.listTopics()).toEqual(['tides'])
  })

  test('does with empty lists what KafkaJS does', async () => {
    const { admin } = await open()
    await admin.createTopics({ topics: [{ topic: 'tides' }] })
    await admin.setOffsets({ groupId: 'gauges', topic: 'tides', partitions: [{ partition: 0, offset: '0' }] })
    const committed = [{ topic: 'tides', partitions: [{ partition: 0, offset: '0', metadata: null }] }]
    expect(await admin.fetchOffsets({ groupId: 'gauges', topics: [] })).toEqual(committed)
    expect(await admin.fetchTopicMetadata()).toMatchObject({ topics: [{ name: 'tides' }] })
    expect(await admin.createTopics({ topics: [] })).toBe(true)
    expect(await admin.deleteGroups([])).toEqual([])
    expect(await admin.describeGroups([])).toEqual({ groups: [] })
    const topic = { type: ConfigResourceTypes.TOPIC, name: 'tides' }
    const { resources } = await admin.describeConfigs({
      resources: [{ ...topic, configNames: [] }],
      includeSynonyms: false,
    })
    expect(resources[0]?.configEntries.length).toBeGreaterThan(3)
    for (const refused of [
      () => admin.createPartitions({ topicPartitions: [] }),
      () => admin.setOffsets({ groupId: 'gauges', topic: 'tides', partitions: [] }),
      () => admin.deleteTopicRecords({ topic: 'tides', partitions: [] }),
      () => admin.describeConfigs({ resources: [], includeSynonyms: false }),
      () => admin.alterConfigs({ resources: [], validateOnly: false }),
      () => admin.createTopics({ topics: [{ topic: 'a' }, { topic: 'a' }] }),
    ]) {
      await expect(refused()).rejects.toBeInstanceOf(KafkaJSNonRetriableError)
    }
  })

  test('refuses what is not there', async () => {
    const { admin, kafka } = await open()
    for (const refused of [
      () => admin.describeAcls({}),
      () => admin.createAcls({ acl: [] }),
      () => admin.deleteAcls({ filters: [] }),
      () => admin.alterPartitionReassignments({ topics: [] }),
      () => admin.listPartitionReassignments({}),
    ]) {
      await expect(refused()).rejects.toBeInstanceOf(KafkaJSNotImplemented)
    }
    const topics = [{ topic: 'tides' }]
    await expect(admin.createTopics({ topics, validateOnly: true })).rejects.toThrow(/validateOnly/)
    const own = () => ({ name: 'own' })
    expect(() => kafka.consumer({ groupId: 'g', partitionAssigners: [own] })).toThrow(KafkaJSNotImplemented)
    expect(() => kafka.consumer({ groupId: '' })).toThrow(/groupId/)
    expect(() => kafka.consumer({ groupId: 'g', heartbeatInterval: 50, sessionTimeout: 50 })).toThrow(
      /below sessionTimeout/,
    )
  })
})

describe('a consumer', () => {
  test('describes its group as KafkaJS encodes it', async () => {
    const { admin, consumer } = await open()
    await admin.createTopics({ topics: [{ topic: 'tides', numPartitions: 2 }] })
    const reader = consumer({ partitionAssigners: [PartitionAssigners.roundRobin] })
    expect(await reader.describeGroup()).toMatchObject({ state: 'Dead', protocolType: '', members: [] })
    await reader.subscribe({ topics: ['tides'] })
    await reader.run()
    const { members, protocol } = await reader.describeGroup()
    expect(protocol).toBe('round-robin')
    const [member] = members
    expect(AssignerProtocol.MemberAssignment.decode(member!.memberAssignment)).toMatchObject({
      assignment: { tides: [0, 1] },
    })
    expect(AssignerProtocol.MemberMetadata.decode(member!.memberMetadata)).toMatchObject({
      topics: ['tides'],
    })
  })

  test('lets a part of a paused topic go on, and tells the rest', async () => {
    const { admin, producer, consumer } = await open()
    await admin.createTopics({ topics: [{ topic: 'tides', numPartitions: 3 }] })
    const reader = consumer()
    await reader.subscribe({ topics: ['tides'], fromBeginning: true })
    const got: number[] = []
    await reader.run({
      eachMessage: async ({ partition }) => {
        got.push(partition)
      },
    })
    reader.pause([{ topic: 'tides' }])
    await until(() => reader.paused().length > 0)
    expect(reader.paused()).toEqual([{ topic: 'tides', partitions: [0, 1, 2] }])
    reader.resume([{ topic: 'tides', partitions: [1] }])
    expect(reader.paused()).toEqual([{ topic: 'tides', partitions: [0, 2] }])
    await producer.send({ topic: 'tides', messages: [0, 1, 2].map(partition => ({ partition, value: 'x' })) })
    await until(() => got.length === 1)
    expect(got).toEqual([1])
    reader.resume([{ topic: 'tides' }])
    await until(() => got.length === 3)
    expect(() => reader.pause([{ topic: 'tides', partitions: 'all' as never }])).toThrow(/list of topics/)
  })

  test('tells of a handler’s failures as KafkaJS does, and asks whether to go on', async () => {
    const { producer, consumer } = await open()
    const asked: Error[] = []
    const retry = {
      ...{ initialRetryTime: 1, maxRetryTime: 2, retries: 1 },
      restartOnFailure: async (error: Error) => {
        asked.push(error)
        return asked.length < 2
      },
    }
    const reader = consumer({ retry })
    const crashes: { error: Error; restart: boolean }[] = []
    reader.on('consumer.crash', ({ payload }) => crashes.push(payload))
    await reader.subscribe({ topic: 'tides', fromBeginning: true })
    const failure = new Error('cannot')
    await reader.run({ eachMessage: () => Promise.reject(failure) })
    await producer.send({ topic: 'tides', messages: [{ value: 'ebb' }] })
    await until(() => crashes.some(({ restart }) => !restart))
    for (const error of [...asked, ...crashes.map(crash => crash.error)]) {
      expect(error).toBeInstanceOf(KafkaJSNumberOfRetriesExceeded)
      expect(error.cause).toBe(failure)
    }
    // It can be run again.
    const got: (string | undefined)[] = []
    await reader.run({
      eachMessage: async ({ message }) => {
        got.push(message.value?.toString())
      },
      eachBatch: () => Promise.reject(failure),
    })
    await until(() => got.length === 1)
  })

  test('runs once, and without a handler reads everything', async () => {
    const lines: string[] = []
    const logCreator =
      () =>
      ({ label, namespace, log }: { label: string; namespace: string; log: { message: string } }) => {
        lines.push(`${label} ${namespace} ${log.message}`)
      }
    const { admin, producer, consumer } = await open({ logLevel: logLevel.WARN, logCreator })
    await producer.send({ topic: 'tides', messages: [{ value: 'a' }, { value: 'b' }] })
    const reader = consumer()
    await reader.subscribe({ topic: 'tides', fromBeginning: true })
    await reader.run({ autoCommitInterval: 20, autoCommitThreshold: null })
    await reader.run()
    await until(async () => {
      const [tides] = await admin.fetchOffsets({ groupId: 'gauges' })
      return tides?.partitions[0]?.offset === '2'
    })
    reader.on('consumer.stop', () => {
      throw new Error('heard badly')
    })
    await reader.stop()
    await until(() => lines.length === 2)
    expect(lines).toEqual([
      'WARN Consumer run was called, and the consumer is running already.',
      'ERROR Consumer A listener of consumer.stop failed: Error: heard badly',
    ])
    expect(() => reader.on('consumer.nothing' as never, () => {})).toThrow(/There is no event/)
    expect(reader.on('consumer.network.request', () => {})).toBeTypeOf('function')
  })
})

test('a producer says what it could not write', async () => {
  const { producer } = await open()
  const failed = producer.send({ topic: 'tides', messages: [{ partition: 9, value: 'x' }] })
  await expect(failed).rejects.toBeInstanceOf(KafkaJSProtocolError)
  await expect(failed).rejects.toMatchObject({
    cause: { kafkaName: 'UNKNOWN_TOPIC_OR_PARTITION', written: 'no' },
  })
  const large = producer.send({ topic: 'tides', messages: [{ value: Buffer.alloc(2_000_000) }] })
  await expect(large).rejects.toMatchObject({ type: 'MESSAGE_TOO_LARGE', code: 10, retriable: false })
})

test('a producer takes what KafkaJS takes', async () => {
  const { producer, kafka } = await open()
  expect(await producer.sendBatch({})).toEqual([])
  expect(await producer.send({ topic: 'tides', messages: [] })).toEqual([])
  expect(await producer.send({ topic: 'tides', acks: 0, messages: [{ value: 'x' }] })).toEqual([])
  // An empty timestamp is none.
  const [written] = await producer.send({ topic: 'tides', messages: [{ value: 'x', timestamp: '' }] })
  expect(written).toMatchObject({ topicName: 'tides', partition: 0, errorCode: 0, logAppendTime: '-1' })
  const told: unknown[] = []
  const choosing = kafka.producer({
    createPartitioner: () => args => {
      told.push(args)
      return 0
    },
  })
  await choosing.send({ topic: 'tides', messages: [{ key: 'dover', value: 'x' }] })
  const partition = { partitionId: 0, partitionErrorCode: 0, leader: 0, replicas: [0], isr: [0] }
  expect(told).toMatchObject([{ topic: 'tides', message: { key: 'dover' }, partitionMetadata: [partition] }])
})

test('what a producer tries again is told at the first failure', async () => {
  const { broker, close } = openInMemory()
  onTestFinished(close)
  await broker.createTopic({ topic: 'tides' })
  let failures = 1
  const failing = new Proxy(broker, {
    get(target, name) {
      const call: unknown = Reflect.get(target, name)
      if (typeof call !== 'function') return call
      if (name !== 'produce' || failures-- <= 0) return call.bind(target)
      return async () => {
        throw new TidemarkError('NETWORK_EXCEPTION', 'Nothing answers.', 'no')
      }
    },
  })
  const lines: string[] = []
  const logCreator =
    () =>
    ({ label, log }: { label: string; log: { message: string } }) =>
      void lines.push(`${label} ${log.message}`)
  const kafka = new Kafka({ broker: failing, logLevel: logLevel.WARN, logCreator })
  const producer = kafka.producer({ retry: { initialRetryTime: 1 } })
  await producer.send({ topic: 'tides', messages: [{ value: 'ebb' }] })
  await producer.disconnect()
  expect(lines).toEqual(['WARN Tried again: Nothing answers.'])
})

test('a subscription that is refused makes no topic', async () => {
  const { admin, consumer } = await open()
  await admin.createTopics({ topics: [{ topic: 'tides' }] })
  const running = consumer()
  await running.subscribe({ topics: ['tides'] })
  await running.run({ eachMessage: async () => {} })
  await expect(running.subscribe({ topics: ['gauges'] })).rejects.toThrow('The consumer is running')
  expect(await admin.listTopics()).toEqual(['tides'])
})
