/** kafkajs, which is JavaScript alone; snappy, LZ4 and zstd are plugged in, as its users do. */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import kafkajs, { type Consumer, type IHeaders, type Producer } from 'kafkajs'
import { compress } from '../../../src/core/record/compression.ts'
import type { CompressionName } from '../../../src/core/record/compression-name.ts'
import { decompress } from '../../../src/core/record/decompression.ts'
import type { At } from '../client.ts'
import { decoded, encoded, serve, tell } from './lines.ts'

const { CompressionCodecs, CompressionTypes, ConfigResourceTypes, Kafka, logLevel } = kafkajs
const READ_MS_MAX = 30_000
const TYPES = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const

for (const name of ['snappy', 'lz4', 'zstd'] as const) plug(name)

/** A codec gets what kafkajs calls an encoder, or the bytes. */
function plug(name: CompressionName): void {
  const own = name === 'snappy' ? 'Snappy' : (name.toUpperCase() as 'LZ4' | 'ZSTD')
  CompressionCodecs[CompressionTypes[own] as 2] = () => ({
    compress: async ({ buffer }: { buffer: Buffer }) => Buffer.from(compress(name, buffer)),
    decompress: async (bytes: Buffer) => Buffer.from(decompress(name, bytes)),
  })
}

const brokers = [process.argv[2]!]
const retry = { retries: 10, initialRetryTime: 100 }
const kafka = new Kafka({ brokers, clientId: 'kafkajs', logLevel: logLevel.NOTHING, retry })
const admin = kafka.admin()
await admin.connect()
let member: Consumer | undefined

interface JsonRecord {
  partition: number
  key: string | null
  value: string | null
  headers: [string, string | null][]
  timestampMs: number
}

function headersOf(list: readonly [string, string | null][]): IHeaders {
  const byName = Map.groupBy(list, ([name]) => name)
  return Object.fromEntries(
    Array.from(byName, ([name, all]) => {
      const values = all.map(([, value]) => decoded(value) as Buffer)
      return [name, values.length === 1 ? values[0] : values] as const
    }),
  )
}

function entriesOf(headers: IHeaders | undefined): [string, string | null][] {
  return Object.entries(headers ?? {}).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map(
      one => [name, encoded(one as Buffer | null)] as [string, string | null],
    ),
  )
}

async function offsetAt(topic: string, partition: number, at: At): Promise<string> {
  if (typeof at === 'object' && 'offset' in at) return String(at.offset)
  if (typeof at === 'object') {
    return (await admin.fetchTopicOffsetsByTimestamp(topic, at.timeMs)).find(
      told => told.partition === partition,
    )!.offset
  }
  const told = (await admin.fetchTopicOffsets(topic)).find(told => told.partition === partition)!
  return at === 'earliest' ? told.low : told.high
}

interface ReadRequest {
  topic: string
  partition: number
  from: At
  to: number
}

/** It reads in groups only: a group of one, that is told where to begin. */
async function read({ topic, partition, from, to }: ReadRequest): Promise<unknown[]> {
  const offset = await offsetAt(topic, partition, from)
  const consumer = kafka.consumer({ groupId: `reads-${crypto.randomUUID()}`, maxWaitTimeInMs: 500 })
  await consumer.connect()
  const records: { offset: number }[] = []
  try {
    await consumer.subscribe({ topic, fromBeginning: true })
    const whole = new Promise<void>((resolve, reject) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error))
      setTimeout(() => reject(new Error(`${records.length} records, and no more`)), READ_MS_MAX).unref()
      const eachBatch = async ({
        batch,
      }: {
        batch: { partition: number; messages: kafkajs.KafkaMessage[] }
      }) => {
        if (batch.partition !== partition) return
        for (const message of batch.messages) {
          if (Number(message.offset) < Number(offset) || Number(message.offset) >= to) continue
          records.push({ ...recordOf(message) })
        }
        if (Number(batch.messages.at(-1)?.offset ?? -1) >= to - 1) resolve()
      }
      const seeks = consumer.run({ autoCommit: false, eachBatch }).then(() => {
        consumer.seek({ topic, partition, offset })
      })
      seeks.catch(reject)
    })
    await whole
    return records
  } finally {
    await consumer.disconnect()
  }
}

function recordOf(message: kafkajs.KafkaMessage) {
  return {
    offset: Number(message.offset),
    timestampMs: Number(message.timestamp),
    key: encoded(message.key),
    value: encoded(message.value),
    headers: entriesOf(message.headers),
  }
}

interface ProduceRequest {
  topic: string
  codec: CompressionName
  acks: string
  idempotent: boolean
  records: JsonRecord[]
}

async function produce({ topic, codec, acks, idempotent, records }: ProduceRequest) {
  const producer: Producer = kafka.producer({ idempotent, retry, allowAutoTopicCreation: false })
  await producer.connect()
  try {
    const messages = records.map(({ partition, key, value, headers, timestampMs }) => ({
      partition,
      key: decoded(key),
      value: decoded(value),
      headers: headersOf(headers),
      timestamp: String(timestampMs),
    }))
    const metadata = await producer.send({
      topic,
      messages,
      compression: TYPES[codec],
      acks: acks === 'all' ? -1 : Number(acks),
    })
    const bases = new Map((metadata ?? []).map(told => [told.partition, Number(told.baseOffset)]))
    const counts = new Map<number, number>()
    return records.map(({ partition }) => {
      const nth = counts.get(partition) ?? 0
      counts.set(partition, nth + 1)
      const base = bases.get(partition) ?? Number.NaN
      return Number.isNaN(base) || base < 0 ? null : base + nth
    })
  } finally {
    await producer.disconnect()
  }
}

async function join({ group, topic }: { group: string; topic: string }): Promise<void> {
  member = kafka.consumer({ groupId: group, sessionTimeout: 6_000, heartbeatInterval: 500 })
  const joined = member
  await joined.connect()
  await joined.subscribe({ topic, fromBeginning: true })
  joined.on(joined.events.GROUP_JOIN, ({ payload }) =>
    tell({ partitions: payload.memberAssignment[topic] ?? [] }),
  )
  void joined
    .run({
      autoCommit: false,
      eachMessage: async ({ partition, message }) => {
        tell({ value: message.value!.toString() })
        const offset = String(Number(message.offset) + 1)
        // Moved away meanwhile: who has it now reads it again.
        await joined.commitOffsets([{ topic, partition, offset }]).catch(() => {})
      },
    })
    .catch(error => console.error(error))
}

async function settled<T>(work: () => Promise<T>): Promise<T> {
  // A topic that was made a moment ago is not known to all its requests at once.
  for (let attempt = 0; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (attempt === 3 || ![3, 6, null].includes(codeOf(error))) throw error
      await sleep(100)
    }
  }
}

interface TopicRequest {
  topic: string
  partition: number
  partitions: number
}

const answers = {
  version: async () =>
    JSON.parse(readFileSync(new URL(import.meta.resolve('kafkajs/package.json')), 'utf8')).version,
  produce,
  read,
  offsetAt: async ({ topic, partition, at }: TopicRequest & { at: At }) => {
    const offset = await settled(() => offsetAt(topic, partition, at))
    // Behind the last record it answers the end.
    if (typeof at !== 'object' || !('timeMs' in at)) return Number(offset)
    return offset === (await offsetAt(topic, partition, 'latest')) ? null : Number(offset)
  },
  join,
  createTopic: async ({ topic, partitions, configs }: TopicRequest & { configs: Record<string, string> }) => {
    const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }))
    const topics = [{ topic, numPartitions: partitions, replicationFactor: 1, configEntries }]
    // It answers false where there is one.
    if (!(await admin.createTopics({ topics, waitForLeaders: true }))) {
      throw Object.assign(new Error('the topic exists'), { code: 36 })
    }
  },
  partitionsOf: async ({ topic }: TopicRequest) =>
    await settled(
      async () => (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0]!.partitions.length,
    ),
  configOf: async ({ topic, name }: TopicRequest & { name: string }) => {
    const resources = [{ type: ConfigResourceTypes.TOPIC, name: topic, configNames: [name] }]
    const { resources: told } = await admin.describeConfigs({ resources, includeSynonyms: false })
    return told[0]!.configEntries.find(entry => entry.configName === name)!.configValue
  },
  setConfig: async ({ topic, name, value }: TopicRequest & { name: string; value: string | null }) => {
    const configEntries = value === null ? [] : [{ name, value }]
    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }],
    })
  },
  addPartitions: async ({ topic, total }: TopicRequest & { total: number }) => {
    await admin.createPartitions({ topicPartitions: [{ topic, count: total }] })
  },
  deleteRecords: async ({ topic, partition, before }: TopicRequest & { before: number }) => {
    const partitions = [{ partition, offset: String(before) }]
    await settled(() => admin.deleteTopicRecords({ topic, partitions }))
  },
  deleteTopic: async ({ topic }: TopicRequest) => {
    await admin.deleteTopics({ topics: [topic] })
  },
  committed: async ({ group, topic, partitions }: TopicRequest & { group: string }) => {
    const [told] = await admin.fetchOffsets({ groupId: group, topics: [topic] })
    const offsets = new Map(told!.partitions.map(({ partition, offset }) => [partition, Number(offset)]))
    return Array.from({ length: partitions }, (_, partition) => {
      const offset = offsets.get(partition) ?? -1
      return offset < 0 ? null : offset
    })
  },
  groupState: async ({ group }: { group: string }) => (await admin.describeGroups([group])).groups[0]!.state,
  listGroups: async () => (await admin.listGroups()).groups.map(({ groupId }) => groupId),
  deleteGroup: async ({ group }: { group: string }) => {
    await admin.deleteGroups([group])
  },
}

interface Told {
  code?: unknown
  errorCode?: number
  error?: unknown
  cause?: unknown
  errors?: unknown[]
  groups?: unknown[]
  partitions?: unknown[]
}

/** Somewhere in an error of its own is what the broker answered. */
function codeOf(told: unknown): number | null {
  const { code, errorCode, error, cause, errors = [], groups = [], partitions = [] } = told as Told
  if (typeof code === 'number') return code
  if (errorCode !== undefined) return errorCode
  for (const within of [error, cause, ...errors, ...groups, ...partitions]) {
    const found = within == null ? null : codeOf(within)
    if (found !== null) return found
  }
  return null
}

await serve(answers, codeOf, async () => {
  await member?.disconnect()
  await admin.disconnect()
})
