import { beforeEach, describe, expect, test } from 'vitest'
import { CreatePartitions } from '../../../src/gateway/wire/messages/create-partitions.ts'
import { CreateTopics } from '../../../src/gateway/wire/messages/create-topics.ts'
import { DeleteTopics } from '../../../src/gateway/wire/messages/delete-topics.ts'
import { DescribeTopicPartitions } from '../../../src/gateway/wire/messages/describe-topic-partitions.ts'
import { NO_UUID } from '../../../src/gateway/wire/schema.ts'
import { AskedGateway } from './asking.ts'

let gateway: AskedGateway
beforeEach(() => {
  gateway = new AskedGateway()
})

const names = async () => (await gateway.harness.run(gateway.broker.listTopics())).map(({ topic }) => topic)

describe('creating', () => {
  const create = async (topic: object, rest: object = {}, version = 7) => {
    const topics = [{ name: 'tides', numPartitions: 1, replicationFactor: 1, ...topic }]
    return (await gateway.ask(CreateTopics, version, { topics, ...rest })).topics[0]!
  }

  test('a topic tells what it is', async () => {
    const made = await create({ numPartitions: 3, configs: [{ name: 'retention.ms', value: '1000' }] })
    expect(made).toMatchObject({ name: 'tides', errorCode: 0, numPartitions: 3, replicationFactor: 1 })
    expect(made.topicId).not.toBe(NO_UUID)
    expect(made.configs).toContainEqual({
      name: 'retention.ms',
      value: '1000',
      readOnly: false,
      configSource: 1,
      isSensitive: false,
    })
    expect(await create({})).toMatchObject({ errorCode: 36 })
  })

  test('as a trial makes none, and refuses the same', async () => {
    const trial = { validateOnly: true }
    expect(await create({ numPartitions: 2 }, trial)).toMatchObject({
      errorCode: 0,
      numPartitions: 2,
      topicId: NO_UUID,
    })
    expect(await names()).toEqual([])
    await gateway.createTopic('tides')
    expect((await create({}, trial)).errorCode).toBe(36)
    expect((await create({ name: 'e b' }, trial)).errorCode).toBe(17)
    expect((await create({ name: 'ebb', numPartitions: 20_000 }, trial)).errorCode).toBe(37)
    const configs = [{ name: 'nope', value: '' }]
    expect((await create({ name: 'ebb', configs }, trial)).errorCode).toBe(40)
  })

  test('leaves numbers to the gateway', async () => {
    gateway = new AskedGateway({ autoCreate: { partitions: 5 } })
    expect(await create({ numPartitions: -1, replicationFactor: -1 })).toMatchObject({ numPartitions: 5 })
  })

  test.each([
    [{ numPartitions: 0 }, 37],
    [{ numPartitions: -2 }, 37],
    [{ replicationFactor: 0 }, 38],
    [{ replicationFactor: -2 }, 38],
    [{ replicationFactor: 3 }, 0],
    [{ replicationFactor: 4 }, 38],
    [{ name: '' }, 17],
    [{ configs: [{ name: 'retention.ms', value: null }] }, 40],
    [{ configs: [{ name: 'retention.ms', value: 'x' }] }, 40],
    [{ configs: [{ name: 'retention.ms', value: '9223372036854775807' }] }, 0],
    [{ configs: [{ name: 'flush.ms', value: '9223372036854775807' }] }, 0],
    [{ configs: [{ name: 'max.message.bytes', value: '10000000' }] }, 40],
    [{ assignments: [{ partitionIndex: 0, brokerIds: [1] }] }, 42],
  ])('%o has the error %i', async (topic, errorCode) => {
    expect((await create(topic)).errorCode).toBe(errorCode)
  })

  test('takes replicas that there can be', async () => {
    const byHand = (...assignments: [number, number[]][]) =>
      create({
        name: `t${assignments.flat(2).join('-')}`,
        numPartitions: -1,
        replicationFactor: -1,
        assignments: assignments.map(([partitionIndex, brokerIds]) => ({ partitionIndex, brokerIds })),
      })
    gateway = new AskedGateway({ peers: [{ nodeId: 2, host: 'b', port: 2 }] })
    expect(await byHand([0, [1, 2]], [1, [2]])).toMatchObject({ errorCode: 0, numPartitions: 2 })
    expect((await byHand([1, [1]])).errorCode).toBe(39)
    expect((await byHand([0, [3]])).errorCode).toBe(39)
    expect((await byHand([0, [1, 1]])).errorCode).toBe(39)
    expect((await byHand([0, []])).errorCode).toBe(39)
  })

  test('what is named twice makes none', async () => {
    const topic = { name: 'tides', numPartitions: 1, replicationFactor: 1 }
    const { topics } = await gateway.ask(CreateTopics, 7, {
      topics: [topic, { ...topic, name: 'ebb' }, topic],
    })
    expect(topics.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      ['tides', 42],
      ['ebb', 0],
    ])
    expect(await names()).toEqual(['ebb'])
  })
})

describe('growing', () => {
  const grow = async (topic: object, rest: object = {}) => {
    const topics = [{ name: 'tides', count: 3, ...topic }]
    return (await gateway.ask(CreatePartitions, 3, { topics, timeoutMs: 0, ...rest })).results[0]!.errorCode
  }
  beforeEach(() => gateway.createTopic('tides', 2))

  test('a topic has more partitions then, and never fewer', async () => {
    expect(await grow({}, { validateOnly: true })).toBe(0)
    expect(await grow({ count: 2 }, { validateOnly: true })).toBe(37)
    expect((await gateway.topics.byName('tides'))?.partitions).toBe(2)
    expect(await grow({})).toBe(0)
    expect((await gateway.topics.byName('tides'))?.partitions).toBe(3)
    expect([await grow({}), await grow({ count: 1 }), await grow({ name: 'ebb' })]).toEqual([37, 37, 3])
  })

  test('takes replicas that there can be', async () => {
    expect(await grow({ assignments: [{ brokerIds: [1] }, { brokerIds: [1] }] })).toBe(39)
    expect(await grow({ assignments: [{ brokerIds: [2] }] })).toBe(39)
    expect(await grow({ assignments: [{ brokerIds: [1] }] })).toBe(0)
  })
})

describe('deleting', () => {
  const remove = async (version: number, ...topics: { name: string | null; topicId?: string }[]) => {
    const asked = topics.map(topic => ({ topicId: NO_UUID, ...topic }))
    const topicNames = topics.map(({ name }) => name ?? '')
    const request = { topics: asked, topicNames, timeoutMs: 0 }
    const { responses } = await gateway.ask(DeleteTopics, version, request)
    return responses.map(({ name, errorCode }) => [name, errorCode])
  }

  test('by name and by id', async () => {
    await gateway.createTopic('ebb')
    const topicId = await gateway.createTopic('tides')
    expect(await remove(3, { name: 'ebb' }, { name: 'flow' })).toEqual([
      ['ebb', 0],
      ['flow', 3],
    ])
    expect(await remove(6, { name: 'tides', topicId }, { name: null })).toEqual([
      ['tides', 42],
      [null, 42],
    ])
    expect(await remove(6, { name: null, topicId })).toEqual([['tides', 0]])
    expect(await remove(6, { name: null, topicId })).toEqual([[null, 100]])
    expect(await names()).toEqual([])
  })

  test('what is named two hundred thousand times is told of once, and holds up nobody', async () => {
    const topicNames = Array.from({ length: 200_000 }, () => 'tides')
    const { responses } = await gateway.ask(DeleteTopics, 5, { topicNames, topics: [], timeoutMs: 1_000 })
    expect(responses).toMatchObject([{ name: 'tides', errorCode: 42 }])
  })

  test('what is named twice stays', async () => {
    await gateway.createTopic('tides')
    expect(await remove(6, { name: 'tides' }, { name: 'tides' })).toEqual([['tides', 42]])
    expect(await names()).toEqual(['tides'])
  })
})

describe('partitions', () => {
  test('of topics that nobody knows are looked for together', async () => {
    await gateway.createTopic('tides')
    const { listTopics } = gateway.broker
    let looks = 0
    gateway.broker.listTopics = () => {
      looks += 1
      return listTopics()
    }
    const topics = Array.from({ length: 500 }, (_, number) => ({ name: `ebb-${number}` }))
    const request = { topics: [...topics, { name: 'tides' }], responsePartitionLimit: 2_000, cursor: null }
    const answer = await gateway.ask(DescribeTopicPartitions, 0, request)
    expect(answer.topics.filter(({ errorCode }) => errorCode === 3)).toHaveLength(500)
    expect(answer.topics.at(-1)).toMatchObject({ name: 'tides', errorCode: 0 })
    expect(looks).toBeLessThan(5)
  })

  test('are told page by page, over topics in the order of their names', async () => {
    await gateway.createTopic('tides', 3)
    await gateway.createTopic('ebb', 2)
    const pages: [string | null, number[]][][] = []
    for (
      let cursor: { topicName: string; partitionIndex: number } | null = null, page = 0;
      page < 9;
      page += 1
    ) {
      const request = { topics: [], responsePartitionLimit: 2, cursor }
      const answer: Awaited<ReturnType<typeof ask>> = await ask(request)
      pages.push(
        answer.topics.map(({ name, partitions }) => [
          name,
          partitions.map(({ partitionIndex }) => partitionIndex),
        ]),
      )
      cursor = answer.nextCursor
      if (cursor === null) break
    }
    expect(pages).toEqual([[['ebb', [0, 1]]], [['tides', [0, 1]]], [['tides', [2]]]])
  })

  const ask = (request: {
    topics: { name: string }[]
    responsePartitionLimit?: number
    cursor?: { topicName: string; partitionIndex: number } | null
  }) => gateway.ask(DescribeTopicPartitions, 0, request)

  test('of what is not there, and from nowhere on', async () => {
    await gateway.createTopic('tides')
    const { topics } = await ask({ topics: [{ name: 'tides' }, { name: 'ebb' }, { name: 'e b' }] })
    expect(topics.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      ['e b', 17],
      ['ebb', 3],
      ['tides', 0],
    ])
    for (const cursor of [
      { topicName: 'tides', partitionIndex: -1 },
      { topicName: 'ebb', partitionIndex: 0 },
    ]) {
      expect((await ask({ topics: [{ name: 'tides' }], cursor })).topics[0]?.errorCode).toBe(42)
    }
  })
})
