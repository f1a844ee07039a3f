import { encodeBatch } from '../../../src/core/record/index.ts'
import { CreateTopics } from '../../../src/gateway/wire/messages/create-topics.ts'
import { DeleteRecords } from '../../../src/gateway/wire/messages/delete-records.ts'
import { DescribeProducers } from '../../../src/gateway/wire/messages/describe-producers.ts'
import { Fetch } from '../../../src/gateway/wire/messages/fetch.ts'
import { InitProducerId } from '../../../src/gateway/wire/messages/init-producer-id.ts'
import { ListOffsets } from '../../../src/gateway/wire/messages/list-offsets.ts'
import { OffsetForLeaderEpoch } from '../../../src/gateway/wire/messages/offset-for-leader-epoch.ts'
import { Produce } from '../../../src/gateway/wire/messages/produce.ts'
import { NO_UUID } from '../../../src/gateway/wire/schema.ts'
import type { Asking, Scene } from './scene.ts'
import { settled } from './settled.ts'

const DAY_MS = 86_400_000
const NO_PRODUCER = { producerId: -1n, producerEpoch: -1, baseSequence: -1 }

function batch(
  records: readonly { key?: string | null; timestampMs?: number }[],
  options: Partial<typeof NO_PRODUCER> & { compression?: 'none' | 'gzip' } = {},
): Uint8Array {
  const inputs = records.map(({ key = null, timestampMs = Date.now() }) => ({
    key: key === null ? null : Buffer.from(key),
    value: Buffer.from('a value'),
    timestampMs,
  }))
  return new Uint8Array(encodeBatch(inputs, { ...NO_PRODUCER, ...options }))
}

function damaged(bytes: Uint8Array, at: number): Uint8Array {
  bytes[at]! ^= 1
  return bytes
}

export const records: Scene = async (ask, prefix) => {
  const name = `${prefix}tides`
  const topics = [
    { name, numPartitions: 3, replicationFactor: 1 },
    {
      name: `${prefix}stamped`,
      numPartitions: 1,
      replicationFactor: 1,
      configs: [{ name: 'message.timestamp.type', value: 'LogAppendTime' }],
    },
    {
      name: `${prefix}compacted`,
      numPartitions: 1,
      replicationFactor: 1,
      configs: [{ name: 'cleanup.policy', value: 'compact' }],
    },
  ]
  await ask('create', CreateTopics, 4, { topics, timeoutMs: 5_000 })
  await settled()
  await write(ask, prefix)
  await number(ask, name)
  await read(ask, name)
  await find(ask, name, prefix)
  await cut(ask, name, prefix)
}

async function write(ask: Asking, prefix: string): Promise<void> {
  const to = (
    label: string,
    records: Uint8Array,
    { topic = 'tides', version = 9, acks = -1, index = 0 } = {},
  ) =>
    ask(`produce ${label}`, Produce, version, {
      acks,
      timeoutMs: 1_000,
      topicData: [{ name: `${prefix}${topic}`, topicId: NO_UUID, partitionData: [{ index, records }] }],
    })
  for (const version of [2, 3, 5, 7, 8, 9, 11])
    await to(`in version ${version}`, batch([{}, {}]), { version })
  await to('with acks 1', batch([{}]), { acks: 1 })
  await to('with acks 2', batch([{}]), { acks: 2 })
  await to('nothing', new Uint8Array())
  await to('damage', damaged(batch([{}]), 70))
  await to('another magic', damaged(batch([{}]), 16))
  await to('half of a batch', batch([{}]).subarray(0, 65))
  await to('to no topic', batch([{}]), { topic: 'nope' })
  await to('to no partition', batch([{}]), { index: 9 })
  const late = { timestampMs: Date.now() + DAY_MS }
  await to('from the future', batch([{}, late, late]))
  await to('from the future, in an older version', batch([{}, late]), { version: 7 })
  await to('without timestamps', batch([{ timestampMs: 0 }]))
  await to('what is stamped', batch([{}]), { topic: 'stamped' })
  await to('without keys', batch([{ key: 'a' }, {}, { key: '' }, {}]), { topic: 'compacted' })
  await to('with keys', batch([{ key: 'a' }, { key: '' }]), { topic: 'compacted' })
  const none = { acks: -1, timeoutMs: 1_000, topicData: [] }
  await ask('produce to none', Produce, 9, none)
}

async function number(ask: Asking, name: string): Promise<void> {
  const id = await ask('draw a producer id', InitProducerId, 4, {
    transactionalId: null,
    transactionTimeoutMs: 1_000,
  })
  for (const [label, request] of Object.entries({
    'with zeros': { transactionalId: null, producerId: 0, producerEpoch: 0 },
    'with an empty transactional id': { transactionalId: '' },
  })) {
    await ask(`draw a producer id ${label}`, InitProducerId, 4, { transactionTimeoutMs: 1_000, ...request })
  }
  const producerId = BigInt(Math.max(id?.producerId ?? 0, 0))
  const run = (label: string, baseSequence: number, producerEpoch = 0) =>
    ask(`number ${label}`, Produce, 9, {
      acks: -1,
      timeoutMs: 1_000,
      topicData: [
        {
          name,
          topicId: NO_UUID,
          partitionData: [
            { index: 2, records: batch([{}, {}], { producerId, producerEpoch, baseSequence }) },
          ],
        },
      ],
    })
  await run('from 0 on', 0)
  await run('on', 2)
  await run('with a gap', 6)
  await run('on behind the gap', 4)
  await run('again', 2)
  await run('in a new epoch from 3 on', 3, 1)
  await run('in a new epoch', 0, 1)
  await run('in an older epoch', 6, 0)
  for (let sequence = 2; sequence < 14; sequence += 2) await run(`on to ${sequence}`, sequence, 1)
  await run('what is long ago', 0, 1)
  for (const [label, partitionIndexes] of Object.entries({ one: [2], several: [0, 1, 2, 9], none: [] })) {
    await ask(`describe producers of ${label}`, DescribeProducers, 0, {
      topics: [{ name, partitionIndexes }],
    })
  }
  await ask('describe producers of no topic', DescribeProducers, 0, {
    topics: [{ name: `${name}-nope`, partitionIndexes: [0] }],
  })
}

async function read(ask: Asking, name: string): Promise<void> {
  const whole = { partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000_000, replicaDirectoryId: NO_UUID }
  const asked = (partition: object) => [{ ...whole, ...partition }]
  const from = (
    label: string,
    partition: object,
    rest: { version?: number; [name: string]: unknown } = {},
  ) => {
    const { version = 12, ...more } = rest
    return ask(`fetch ${label}`, Fetch, version, {
      maxWaitMs: 100,
      minBytes: 1,
      maxBytes: 1_000_000,
      isolationLevel: 0,
      sessionId: 0,
      sessionEpoch: -1,
      rackId: '',
      replicaState: {},
      forgottenTopicsData: [],
      topics: [
        {
          topic: name,
          topicId: NO_UUID,
          partitions: asked(partition),
        },
      ],
      ...more,
    })
  }
  for (const version of [4, 5, 7, 9, 11, 12]) await from(`in version ${version}`, {}, { version })
  await from('from the middle of a batch', { fetchOffset: 1 })
  await from('one byte', { partitionMaxBytes: 1 }, { maxBytes: 1 })
  await from('behind the end', { fetchOffset: 1_000 })
  await from('before the beginning', { fetchOffset: -1 })
  await from('an empty log', { partition: 1 })
  await from('no partition', { partition: 9 })
  await from('in an epoch to come', { currentLeaderEpoch: 5 })
  await from('what is committed', {}, { isolationLevel: 1 })
  await from('on in a session', {}, { sessionId: 77, sessionEpoch: 3 })
  await from('on in no session', {}, { sessionId: 0, sessionEpoch: 3 })
  await from('at the end of a session', {}, { sessionId: 77, sessionEpoch: -1 })
  await from('nothing', {}, { topics: [] })
  const unknown = [{ topic: '', topicId: '00000000-0000-0000-0000-000000000007', partitions: asked({}) }]
  await from('an unknown id', {}, { version: 13, topics: unknown })
}

async function find(ask: Asking, name: string, prefix: string): Promise<void> {
  const at = (label: string, partition: object, version = 9, topic = name) =>
    ask(`offset ${label}`, ListOffsets, version, {
      isolationLevel: 0,
      topics: [{ name: topic, partitions: [{ partitionIndex: 0, timestamp: -1, ...partition }] }],
      timeoutMs: 1_000,
    })
  for (let timestamp = -7; timestamp <= 0; timestamp += 1) {
    for (const version of [1, 4, 6, 7, 8, 9, 10, 11])
      await at(`at ${timestamp} in version ${version}`, { timestamp }, version)
    await at(`at ${timestamp} in an empty log`, { timestamp, partitionIndex: 1 })
  }
  await at('of the future', { timestamp: Date.now() + DAY_MS })
  for (const power of [52, 53, 54, 62]) await at(`of 2^${power} ms`, { timestamp: 2 ** power })
  await at('of the greatest stamp', { timestamp: -3 }, 9, `${prefix}stamped`)
  await at('in an epoch to come', { currentLeaderEpoch: 4 })
  await at('in no partition', { partitionIndex: 9 })
  const twice = [-1, -2].map(timestamp => ({ partitionIndex: 0, timestamp }))
  await ask('offset twice', ListOffsets, 9, {
    isolationLevel: 0,
    topics: [{ name, partitions: twice }],
    timeoutMs: 1_000,
  })
  const epochs = [
    { partition: 0, leaderEpoch: 0 },
    { partition: 1, leaderEpoch: 5 },
    { partition: 2, currentLeaderEpoch: 9, leaderEpoch: 0 },
    { partition: 9, leaderEpoch: 0 },
    { partition: 1, leaderEpoch: -1 },
  ]
  await ask('ends of epochs', OffsetForLeaderEpoch, 4, {
    replicaId: -1,
    topics: [{ topic: name, partitions: epochs }],
  })
}

async function cut(ask: Asking, name: string, prefix: string): Promise<void> {
  const before = (label: string, partitionIndex: number, offset: number, topic = name) =>
    ask(`delete records ${label}`, DeleteRecords, 2, {
      topics: [{ name: topic, partitions: [{ partitionIndex, offset }] }],
      timeoutMs: 1_000,
    })
  await before('in the middle of a batch', 0, 1)
  await before('that are gone', 0, 0)
  await before('to the end', 2, -1)
  await before('behind the end', 1, 1)
  await before('before the beginning', 1, -2)
  await before('of no partition', 9, 0)
  await before('of no topic', 0, 0, `${prefix}nope`)
}
