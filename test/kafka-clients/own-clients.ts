import { randomUUID } from 'node:crypto'
import { HttpBroker } from '../../src/client/http-broker.ts'
import type { ConsumedMessage } from '../../src/client/sdk/messages.ts'
import { Tidemark } from '../../src/client/sdk/tidemark.ts'
import { toOffset } from '../../src/core/numbers.ts'
import { encodeBatch } from '../../src/core/record/batch-encoder.ts'
import { decodeBatches } from '../../src/core/record/index.ts'
import { type At, CODECS, type Header, type KafkaClient, type ReadRecord } from './client.ts'

/** As much of a client as writing and reading takes: what Kafka's clients wrote is read over HTTP, and the other way round. */
export type ReaderAndWriter = Pick<
  KafkaClient,
  'name' | 'abilities' | 'codecs' | 'groupsHeaders' | 'produce' | 'read' | 'close'
>

const READ_MS_MAX = 30_000

/** Record batches over HTTP, as they are. */
export function overHttp(url: string): ReaderAndWriter {
  const broker = new HttpBroker({ url })
  return {
    name: 'HTTP',
    abilities: new Set(['empty-values', 'null-headers', 'own-times']),
    codecs: CODECS,
    groupsHeaders: false,
    async produce(topic, records, { codec = 'none' } = {}) {
      const inputs = records.map(({ headers, ...record }) => ({
        ...record,
        headers: headers.map(([key, value]) => ({ key, value })),
      }))
      const batches = encodeBatch(inputs, { compression: codec })
      await broker.produce({ topic, partition: records[0]!.partition, batches: new Uint8Array(batches) })
      return records.map(() => null)
    },
    async read(topic, partition, from, to) {
      const records: ReadRecord[] = []
      for (let offset = firstOf(from); offset < to; ) {
        const fetched = await broker.fetch({ topic, partition, offset: toOffset(offset), maxWaitMs: 1_000 })
        for (const { offset: at, timestampMs, key, value, headers } of fetched.chunks.flatMap(chunk =>
          decodeBatches(chunk),
        )) {
          if (at < offset || at >= to) continue
          const named = headers.map(({ key, value }) => [key, bufferOf(value)] as const)
          records.push({
            offset: at,
            timestampMs,
            key: bufferOf(key),
            value: bufferOf(value),
            headers: named,
          })
        }
        offset = fetched.nextOffset
      }
      return records
    },
    close: async () => {},
  }
}

/** The SDK's producer, and a consumer in a group. */
export function sdk(url: string): ReaderAndWriter {
  const tidemark = new Tidemark({ broker: new HttpBroker({ url }) })
  return {
    name: 'SDK',
    abilities: new Set(['empty-values', 'null-headers', 'own-times']),
    codecs: CODECS,
    groupsHeaders: true,
    async produce(topic, records, { codec = 'none' } = {}) {
      const producer = tidemark.producer()
      await producer.connect()
      const messages = records.map(({ headers, timestampMs, ...record }) => ({
        ...record,
        timestamp: timestampMs,
        headers: Object.fromEntries(
          Array.from(
            Map.groupBy(headers, ([name]) => name),
            ([name, all]) => [name, all.map(([, value]) => value)] as const,
          ),
        ),
      }))
      await producer.send({ topic, messages, compression: codec })
      await producer.disconnect()
      return records.map(() => null)
    },
    async read(topic, partition, from, to) {
      const consumer = tidemark.consumer({ groupId: `sdk-${randomUUID()}` })
      const records: ReadRecord[] = []
      await consumer.subscribe({ topics: [topic], fromBeginning: true })
      const whole = new Promise<void>((resolve, reject) => {
        setTimeout(() => reject(new Error(`${records.length} records, and no more`)), READ_MS_MAX).unref()
        const eachMessage = async (told: { partition: number; message: ConsumedMessage }) => {
          const offset = Number(told.message.offset)
          if (told.partition !== partition || offset < firstOf(from) || offset >= to) return
          records.push(recordOf(told.message))
          if (offset === to - 1) resolve()
        }
        consumer.run({ eachMessage }).catch(reject)
      })
      try {
        await whole
        return records
      } finally {
        await consumer.disconnect()
      }
    },
    close: async () => {},
  }
}

function firstOf(from: At): number {
  return typeof from === 'object' && 'offset' in from ? from.offset : 0
}

function bufferOf(bytes: Uint8Array | null): Buffer | null {
  return bytes === null ? null : Buffer.from(bytes)
}

function recordOf({ offset, timestamp, key, value, headers }: ConsumedMessage): ReadRecord {
  const named = Object.entries(headers).flatMap(([name, told]) =>
    (Array.isArray(told) ? told : [told ?? null]).map(one => [name, bufferOf(one)] as Header),
  )
  return {
    offset: Number(offset),
    timestampMs: Number(timestamp),
    key: bufferOf(key),
    value: bufferOf(value),
    headers: named,
  }
}

/** What a handler of a trigger was given, as AWS's events from Kafka have it. */
export interface EventRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly key?: string | null
  readonly value?: string | null
  readonly headers: readonly Readonly<Record<string, readonly number[] | null>>[]
}

export function fromEvent({ offset, timestamp, key, value, headers }: EventRecord): ReadRecord {
  const decoded = (text: string | null | undefined) => (text == null ? null : Buffer.from(text, 'base64'))
  const named = headers.flatMap(one =>
    Object.entries(one).map(([name, bytes]) => [name, bytes && Buffer.from(bytes)] as Header),
  )
  return { offset, timestampMs: timestamp, key: decoded(key), value: decoded(value), headers: named }
}
