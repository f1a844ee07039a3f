/** @platformatic/kafka, the newer client of Node. */
import { readFileSync } from 'node:fs'
import {
  Admin,
  type CompressionAlgorithmValue,
  ConfigResourceTypes,
  Consumer,
  IncrementalAlterConfigOperationTypes,
  type Message,
  type MessagesStream,
  Producer,
} from '@platformatic/kafka'
import type { At } from '../client.ts'
import { decoded, encoded, Refused, serve, tell } from './lines.ts'

const READ_MS_MAX = 30_000
const basics = { clientId: 'platformatic', bootstrapBrokers: [process.argv[2]!], retries: 3, timeout: 15_000 }
const admin = new Admin(basics)
const lookups = new Consumer({ ...basics, groupId: 'look-ups' })
let member: Consumer | undefined
let stream: MessagesStream<Buffer, Buffer, Buffer, Buffer> | undefined

interface JsonRecord {
  partition: number
  key: string | null
  value: string | null
  headers: [string, string | null][]
  timestampMs: number
}
interface TopicRequest {
  topic: string
  partition: number
  partitions: number
}

const GROUP_TYPES = ['classic', 'consumer']
const LATEST = -1n
const EARLIEST = -2n

async function offsetAt(topic: string, partition: number, at: At): Promise<bigint> {
  if (typeof at === 'object' && 'offset' in at) return BigInt(at.offset)
  const timestamp = at === 'earliest' ? EARLIEST : at === 'latest' ? LATEST : BigInt(at.timeMs)
  return (await lookups.listOffsets({ topics: [topic], timestamp })).get(topic)![partition]!
}

interface ReadRequest {
  topic: string
  partition: number
  from: At
  to: number
}

async function read({ topic, partition, from, to }: ReadRequest): Promise<unknown[]> {
  const offset = await offsetAt(topic, partition, from)
  const consumer = new Consumer({ ...basics, groupId: `reads-${crypto.randomUUID()}` })
  try {
    const messages = await consumer.consume({
      topics: [topic],
      mode: 'manual',
      offsets: await others(topic, partition, offset),
      maxWaitTime: 500,
      autocommit: false,
    })
    const records: unknown[] = []
    const timer = setTimeout(
      () => messages.destroy(new Error(`${records.length} records, and no more`)),
      READ_MS_MAX,
    )
    for await (const message of messages) {
      if (message.partition !== partition) continue
      if (Number(message.offset) < to) records.push(recordOf(message))
      if (Number(message.offset) >= to - 1) break
    }
    clearTimeout(timer)
    return records
  } finally {
    await consumer.close(true)
  }
}

/** A manual reader is given a place in every partition: the others' ends. */
async function others(topic: string, partition: number, offset: bigint) {
  const ends = (await lookups.listOffsets({ topics: [topic], timestamp: LATEST })).get(topic)!
  return ends.map((end, index) => ({ topic, partition: index, offset: index === partition ? offset : end }))
}

function recordOf(message: Message<Buffer, Buffer, Buffer, Buffer>) {
  return {
    offset: Number(message.offset),
    timestampMs: Number(message.timestamp),
    key: encoded(message.key),
    value: encoded(message.value),
    headers: message.headerEntries.map(([name, value]) => [String(name), encoded(value)]),
  }
}

interface ProduceRequest {
  topic: string
  codec: CompressionAlgorithmValue
  acks: string
  idempotent: boolean
  records: JsonRecord[]
}

async function produce({ topic, codec, acks, idempotent, records }: ProduceRequest) {
  const producer = new Producer({ ...basics, idempotent, autocreateTopics: false })
  try {
    const messages = records.map(({ partition, key, value, headers, timestampMs }) => ({
      topic,
      partition,
      key: decoded(key) as Buffer,
      value: decoded(value) as Buffer,
      // Each name is an object of its own: a map with two equal names.
      headers: new Map(headers.map(([name, value]) => [Buffer.from(name), decoded(value) as Buffer])),
      timestamp: BigInt(timestampMs),
    }))
    const { offsets = [] } = await producer.send({
      messages,
      compression: codec,
      acks: acks === 'all' ? -1 : Number(acks),
    })
    const bases = new Map(offsets.map(told => [told.partition, Number(told.offset)]))
    const counts = new Map<number, number>()
    return records.map(({ partition }) => {
      const nth = counts.get(partition) ?? 0
      counts.set(partition, nth + 1)
      const base = bases.get(partition)
      return base === undefined || base < 0 ? null : base + nth
    })
  } finally {
    await producer.close()
  }
}

interface JoinRequest {
  group: string
  topic: string
  protocol: 'classic' | 'consumer'
}

async function join({ group, topic, protocol }: JoinRequest): Promise<void> {
  const own =
    protocol === 'consumer'
      ? { groupProtocol: 'consumer' as const }
      : {
          groupProtocol: 'classic' as const,
          sessionTimeout: 6_000,
          heartbeatInterval: 500,
          rebalanceTimeout: 10_000,
        }
  member = new Consumer({ ...basics, groupId: group, ...own })
  const joined = member
  let told = ''
  const look = setInterval(() => {
    const partitions = joined.assignments?.find(assigned => assigned.topic === topic)?.partitions ?? []
    const text = JSON.stringify(partitions.toSorted((one, other) => one - other))
    if (text !== told) tell({ partitions: JSON.parse(text) })
    told = text
  }, 50)
  look.unref()
  stream = await joined.consume({
    topics: [topic],
    mode: 'committed',
    fallbackMode: 'earliest',
    autocommit: false,
    maxWaitTime: 500,
  })
  stream.on('error', error => console.error(error))
  void (async () => {
    for await (const message of stream) {
      tell({ value: message.value.toString() })
      // Moved away meanwhile: who has it now reads it again.
      await Promise.resolve(message.commit()).catch(() => {})
    }
  })().catch(error => console.error(error))
}

const resourceType = ConfigResourceTypes.TOPIC
const answers = {
  version: async () =>
    JSON.parse(readFileSync('node_modules/@platformatic/kafka/package.json', 'utf8')).version,
  produce,
  read,
  offsetAt: async ({ topic, partition, at }: TopicRequest & { at: At }) => {
    const offset = Number(await offsetAt(topic, partition, at))
    return offset < 0 ? null : offset
  },
  join,
  createTopic: async ({ topic, partitions, configs }: TopicRequest & { configs: Record<string, string> }) => {
    const entries = Object.entries(configs).map(([name, value]) => ({ name, value }))
    await admin.createTopics({ topics: [topic], partitions, replicas: 1, configs: entries })
  },
  partitionsOf: async ({ topic }: TopicRequest) => {
    if (!(await admin.listTopics()).includes(topic)) throw new Refused(3, 'no such topic')
    const { topics } = await admin.metadata({ topics: [topic], forceUpdate: true })
    return topics.get(topic)!.partitionsCount
  },
  configOf: async ({ topic, name }: TopicRequest & { name: string }) => {
    const resources = [{ resourceType, resourceName: topic, configurationKeys: [name] }]
    const [told] = await admin.describeConfigs({ resources })
    return told!.configs.find(config => config.name === name)!.value
  },
  setConfig: async ({ topic, name, value }: TopicRequest & { name: string; value: string | null }) => {
    const { DELETE, SET } = IncrementalAlterConfigOperationTypes
    const config = value === null ? { name, configOperation: DELETE } : { name, configOperation: SET, value }
    await admin.incrementalAlterConfigs({
      resources: [{ resourceType, resourceName: topic, configs: [config] }],
    })
  },
  addPartitions: async ({ topic, total }: TopicRequest & { total: number }) => {
    await admin.createPartitions({ topics: [{ name: topic, count: total }] })
  },
  deleteRecords: async ({ topic, partition, before }: TopicRequest & { before: number }) => {
    await admin.deleteRecords({
      topics: [{ name: topic, partitions: [{ partition, offset: BigInt(before) }] }],
    })
  },
  deleteTopic: async ({ topic }: TopicRequest) => {
    await admin.deleteTopics({ topics: [topic] })
  },
  committed: async ({ group, topic, partitions }: TopicRequest & { group: string }) => {
    const [told] = await admin.listConsumerGroupOffsets({ groups: [group] })
    const found = told!.topics.find(({ name }) => name === topic)?.partitions ?? []
    return Array.from({ length: partitions }, (_, index) => {
      const offset = Number(
        found.find(({ partitionIndex }) => partitionIndex === index)?.committedOffset ?? -1,
      )
      return offset < 0 ? null : offset
    })
  },
  groupState: async ({ group }: { group: string }) => {
    const told = (await admin.listGroups({ types: GROUP_TYPES })).get(group)
    if (told === undefined) throw new Refused(69, 'no such group')
    const { state } = told
    return `${state[0]!.toUpperCase()}${state.slice(1).toLowerCase()}`
  },
  listGroups: async () => [...(await admin.listGroups({ types: GROUP_TYPES })).keys()],
  deleteGroup: async ({ group }: { group: string }) => {
    await admin.deleteGroups({ groups: [group] })
  },
}

function codeOf(error: unknown): number | null {
  const { apiCode, cause, errors } = error as { apiCode?: unknown; cause?: unknown; errors?: unknown[] }
  if (typeof apiCode === 'number') return apiCode
  for (const within of errors ?? []) {
    const code = codeOf(within)
    if (code !== null) return code
  }
  return cause === undefined ? null : codeOf(cause)
}

await serve(answers, codeOf, async () => {
  await stream?.close()
  await member?.close(true)
})
