import { CreatePartitions } from '../../../src/gateway/wire/messages/create-partitions.ts'
import { CreateTopics } from '../../../src/gateway/wire/messages/create-topics.ts'
import { DeleteTopics } from '../../../src/gateway/wire/messages/delete-topics.ts'
import { DescribeTopicPartitions } from '../../../src/gateway/wire/messages/describe-topic-partitions.ts'
import { Metadata } from '../../../src/gateway/wire/messages/metadata.ts'
import { NO_UUID } from '../../../src/gateway/wire/schema.ts'
import type { Asking, Scene } from './scene.ts'
import { settled } from './settled.ts'

const UNKNOWN_ID = '00000000-0000-0000-0000-000000000007'

export const topics: Scene = async (ask, prefix) => {
  const name = `${prefix}tides`
  const create = (label: string, topic: object, rest = {}, version = 7) =>
    ask(`create ${label}`, CreateTopics, version, {
      topics: [{ name: `${prefix}x`, numPartitions: 1, replicationFactor: 1, ...topic }],
      timeoutMs: 5_000,
      ...rest,
    })
  await create('a topic', { name, numPartitions: 2 })
  await settled()
  await create('one that is there', { name })
  await create('one that is there as a trial', { name }, { validateOnly: true })
  await create('with a factor of 4', { replicationFactor: 4 })
  await create('with a factor of 3', { name: `${prefix}three`, replicationFactor: 3 })
  await create('with a factor of 0', { replicationFactor: 0 })
  await create('without partitions', { numPartitions: 0 })
  await create('by defaults', { name: `${prefix}m`, numPartitions: -1, replicationFactor: -1 }, {}, 4)
  await create('with a wrong name', { name: 'b d' })
  await create('without a name', { name: '' })
  const config = (name: string, value: string | null) => ({ configs: [{ name, value }] })
  await create('with an unknown config', config('nope', '1'))
  await create('with a wrong value', config('retention.ms', 'abc'))
  await create('with no value', config('retention.ms', null))
  const twice = [...config('retention.ms', '5000').configs, ...config('retention.ms', '6000').configs]
  await create('with a config twice', { name: `${prefix}c`, configs: twice })
  const replicas = (...ids: number[]) =>
    ids.map((id, partitionIndex) => ({ partitionIndex, brokerIds: [id] }))
  const byHand = { numPartitions: -1, replicationFactor: -1 }
  await create('by hand and by number', { assignments: replicas(1) })
  await create('by hand', { name: `${prefix}a`, ...byHand, assignments: replicas(1, 1) })
  await create('by hand with a gap', {
    ...byHand,
    assignments: [{ partitionIndex: 1, brokerIds: [1] }],
  })
  await create('by hand elsewhere', { ...byHand, assignments: replicas(9) })
  await create('by hand nowhere', { ...byHand, assignments: [{ partitionIndex: 0, brokerIds: [] }] })
  const twin = { name: `${prefix}t`, numPartitions: 1, replicationFactor: 1 }
  await ask('create a topic twice', CreateTopics, 7, { topics: [twin, twin], timeoutMs: 5_000 })
  await grow(ask, name, prefix)
  await look(ask, name, prefix)
  await remove(ask, name, prefix)
  // Last, since ids are counted.
  await create('as a trial', { name: `${prefix}r`, numPartitions: 2 }, { validateOnly: true })
}

async function grow(ask: Asking, name: string, prefix: string): Promise<void> {
  const to = (label: string, topic: object, rest = {}) =>
    ask(`grow ${label}`, CreatePartitions, 3, {
      topics: [{ name, count: 3, ...topic }],
      timeoutMs: 5_000,
      ...rest,
    })
  await to('as a trial', {}, { validateOnly: true })
  await to('to 3', {})
  await to('to as many', {})
  await to('to fewer', { count: 1 })
  await to('an unknown one', { name: `${prefix}nope` })
  await to('by hand', { count: 4, assignments: [{ brokerIds: [1] }] })
  await to('by hand by too few', { count: 5, assignments: [{ brokerIds: [1] }, { brokerIds: [1] }] })
  await to('by hand elsewhere', { count: 5, assignments: [{ brokerIds: [9] }] })
  const both = [6, 7].map(count => ({ name, count }))
  await ask('grow twice', CreatePartitions, 3, { topics: both, timeoutMs: 5_000 })
  await settled()
}

async function look(ask: Asking, name: string, prefix: string): Promise<void> {
  const topicsOf = (...names: string[]) => names.map(name => ({ name, topicId: NO_UUID }))
  const flags = { includeTopicAuthorizedOperations: true, includeClusterAuthorizedOperations: true }
  for (const version of [0, 1, 4, 7, 8, 9, 10, 11, 12, 13]) {
    const asked = topicsOf(name, `${prefix}nope`, 'b d', name)
    const request = { topics: asked, allowAutoTopicCreation: false, ...flags }
    if (version >= 4) await ask(`metadata ${version}`, Metadata, version, request)
    else await ask(`metadata ${version}`, Metadata, version, { ...request, topics: topicsOf(name, 'b d') })
  }
  await ask('metadata of ids', Metadata, 12, {
    topics: [{ name: null, topicId: UNKNOWN_ID }, ...topicsOf(name)],
    ...flags,
  })
  await ask('metadata of none', Metadata, 1, { topics: [], ...flags })
  const partitions = (label: string, request: object) =>
    ask(`partitions ${label}`, DescribeTopicPartitions, 0, { topics: [{ name }], ...request })
  await partitions('of some', {
    topics: [{ name }, { name: `${prefix}nope` }, { name: 'b d' }],
    responsePartitionLimit: 2,
  })
  await partitions('from a cursor on', { cursor: { topicName: name, partitionIndex: 2 } })
  await partitions('from behind its end on', { cursor: { topicName: name, partitionIndex: 20 } })
  await partitions('one at a time', { responsePartitionLimit: 0 })
  await partitions('from before its beginning on', { cursor: { topicName: name, partitionIndex: -2 } })
  await partitions('from another topic on', { cursor: { topicName: 'a', partitionIndex: 0 } })
}

async function remove(ask: Asking, name: string, prefix: string): Promise<void> {
  const topics = (label: string, version: number, ...asked: { name: string | null; topicId: string }[]) =>
    ask(`delete ${label}`, DeleteTopics, version, {
      topics: asked,
      topicNames: asked.map(({ name }) => name ?? ''),
      timeoutMs: 5_000,
    })
  const nope = { name: `${prefix}nope`, topicId: NO_UUID }
  await topics('an unknown one', 6, nope)
  await topics('by both', 6, { name, topicId: UNKNOWN_ID })
  await topics('an unknown id', 6, { name: null, topicId: UNKNOWN_ID })
  await topics('by nothing', 6, { name: null, topicId: NO_UUID })
  await topics('by a name', 3, { name, topicId: NO_UUID })
  const again = { name: `${prefix}a`, topicId: NO_UUID }
  await topics('one twice', 6, again, again)
  await topics('one that is there and one that is not', 5, { name: `${prefix}m`, topicId: NO_UUID }, nope)
  await settled()
  await topics('one that is gone', 5, { name, topicId: NO_UUID })
}
