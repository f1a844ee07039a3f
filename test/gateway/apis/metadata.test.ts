import { beforeEach, describe, expect, test, vi } from 'vitest'
import { TidemarkError } from '../../../src/core/errors.ts'
import { Metadata } from '../../../src/gateway/wire/messages/metadata.ts'
import { NO_UUID } from '../../../src/gateway/wire/schema.ts'
import { AskedGateway } from './asking.ts'

let gateway: AskedGateway
beforeEach(() => {
  gateway = new AskedGateway()
})

const FLAGS = { includeTopicAuthorizedOperations: false, includeClusterAuthorizedOperations: false }
const named = (...names: string[]) => names.map(name => ({ name, topicId: NO_UUID }))
const ask = (version: number, topics: { name: string | null; topicId: string }[] | null, flags = {}) =>
  gateway.ask(Metadata, version, { topics, ...FLAGS, ...flags })

test('brokers, controller and cluster are told in every version that has them', async () => {
  for (let version = 0; version <= 13; version += 1) {
    const answer = await ask(version, version === 0 ? [] : null)
    expect(answer.brokers).toEqual([{ nodeId: 1, host: 'tide.example', port: 9092, rack: null }])
    expect(answer.clusterId).toBe(version < 2 ? null : gateway.settings.clusterId)
    expect(answer.controllerId).toBe(version < 1 ? -1 : 1)
  }
})

test('peers are brokers, too, in the order of their numbers', async () => {
  const peers = [
    { nodeId: 3, host: 'c', port: 3 },
    { nodeId: 1, host: 'a', port: 1 },
  ]
  gateway = new AskedGateway({ nodeId: 2, peers })
  const { brokers, controllerId } = await ask(12, null)
  expect(brokers.map(({ nodeId }) => nodeId)).toEqual([1, 2, 3])
  expect(controllerId).toBe(2)
})

test('topics are told with their partitions, which are all here', async () => {
  const topicId = await gateway.createTopic('tides', 2)
  const { topics } = await ask(12, named('tides'))
  const partition = {
    errorCode: 0,
    leaderId: 1,
    leaderEpoch: 0,
    replicaNodes: [1],
    isrNodes: [1],
    offlineReplicas: [],
  }
  expect(topics).toEqual([
    {
      errorCode: 0,
      name: 'tides',
      topicId,
      isInternal: false,
      partitions: [
        { ...partition, partitionIndex: 0 },
        { ...partition, partitionIndex: 1 },
      ],
      topicAuthorizedOperations: -2_147_483_648,
    },
  ])
  expect((await ask(12, null)).topics).toEqual(topics)
  expect((await ask(0, [])).topics).toHaveLength(1)
  expect((await ask(1, [])).topics).toEqual([])
})

test('ids are looked for, and then no names', async () => {
  const topicId = await gateway.createTopic('tides')
  await gateway.createTopic('ebb')
  const unknown = '00000000-0000-0000-0000-000000000007'
  const { topics } = await ask(12, [
    { topicId, name: null },
    { topicId: unknown, name: null },
    { topicId: NO_UUID, name: 'ebb' },
  ])
  expect(topics.map(({ errorCode, name, topicId }) => [errorCode, name, topicId])).toEqual([
    [0, 'tides', topicId],
    [100, null, unknown],
  ])
})

test('what one may do is told where it is asked for', async () => {
  await gateway.createTopic('tides')
  const flags = { includeTopicAuthorizedOperations: true, includeClusterAuthorizedOperations: true }
  const answer = await ask(10, named('tides'), flags)
  expect(answer.clusterAuthorizedOperations).toBe(8_096)
  expect(answer.topics[0]?.topicAuthorizedOperations).toBe(3_576)
})

describe('a topic that is not there', () => {
  const errors = async (...names: string[]) =>
    (await ask(12, named(...names))).topics.map(({ errorCode, name, topicId }) => [errorCode, name, topicId])

  test('is told, once, with what is wrong with it', async () => {
    expect(await errors('ebb', 'e b', 'ebb')).toEqual([
      [3, 'ebb', NO_UUID],
      [17, 'e b', NO_UUID],
    ])
  })

  test('is made where that is wanted, and the client lets it', async () => {
    gateway = new AskedGateway({ autoCreate: { partitions: 3 } })
    const [first] = (await ask(12, named('ebb'), { allowAutoTopicCreation: false })).topics
    expect(first?.errorCode).toBe(3)
    const { topics } = await ask(12, named('ebb', 'e b'))
    expect(topics.map(({ errorCode, partitions }) => [errorCode, partitions.length])).toEqual([
      [0, 3],
      [17, 0],
    ])
    // Clients that know of no such flag mean it.
    expect((await ask(0, named('flow'))).topics[0]?.errorCode).toBe(0)
  })

  test('is made once where several ask', async () => {
    gateway = new AskedGateway({ autoCreate: { partitions: 1 } })
    const request = { topics: named('ebb'), ...FLAGS }
    const answers = await gateway.harness.run(
      Promise.all([gateway.begin(Metadata, 12, request), gateway.begin(Metadata, 12, request)]),
    )
    expect(new Set(answers.map(answer => answer?.topics[0]?.topicId)).size).toBe(1)
  })
})

test('while the store cannot tell, topics that are asked for have its error, and others are not told of', async () => {
  const failing = vi.spyOn(gateway.broker, 'listTopics')
  failing.mockRejectedValue(new TidemarkError('KAFKA_STORAGE_ERROR', 'no disk'))
  const unknown = '00000000-0000-0000-0000-000000000007'
  expect((await ask(12, named('tides'))).topics[0]).toMatchObject({ errorCode: 56, name: 'tides' })
  expect((await ask(12, [{ topicId: unknown, name: null }])).topics[0]).toMatchObject({ errorCode: 56 })
  // Who is told that there are no topics would forget those that there are.
  await expect(ask(12, null)).rejects.toMatchObject({ kafkaName: 'KAFKA_STORAGE_ERROR' })
})
