/** Transactions of kafkajs. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import kafkajs, { type Producer, type Transaction } from 'kafkajs'
import { serve } from './lines.ts'

const { Kafka, KafkaJSProtocolError, logLevel } = kafkajs
const kafka = new Kafka({
  brokers: process.argv[2]!.split(','),
  logLevel: logLevel.NOTHING,
  retry: { initialRetryTime: 50, retries: 10 },
})
const producers = new Map<string, Producer>()
const transactions = new Map<string, Transaction>()

interface Request {
  readonly as: string
  readonly id: string
  readonly timeoutMs: number
  readonly topic: string
  readonly group: string
  readonly partition: number
  readonly offset: number
  readonly records: readonly [partition: number, value: string][]
}

const ANSWERS = {
  version: async () => {
    const file = createRequire(import.meta.url).resolve('kafkajs/package.json')
    return JSON.parse(readFileSync(file, 'utf8')).version as string
  },
  open: async ({ as, id, timeoutMs }: Request) => {
    const producer = kafka.producer({
      transactionalId: id,
      transactionTimeout: timeoutMs,
      idempotent: true,
      maxInFlightRequests: 1,
    })
    producers.set(as, producer)
    await producer.connect()
    // It asks for its id with its first transaction.
    await (await producer.transaction()).abort().catch(() => {})
  },
  begin: async ({ as }: Request) => {
    transactions.set(as, await producers.get(as)!.transaction())
  },
  send: async ({ as, topic, records }: Request) => {
    const messages = records.map(([partition, value]) => ({ partition, value }))
    const told = await transactions.get(as)!.send({ topic, messages })
    const offsets = new Map(told.map(({ partition, baseOffset }) => [partition, Number(baseOffset)]))
    return records.map(([partition]) => offsets.get(partition))
  },
  sendOffset: async ({ as, group, topic, partition, offset }: Request) => {
    const topics = [{ topic, partitions: [{ partition, offset: String(offset) }] }]
    await transactions.get(as)!.sendOffsets({ consumerGroupId: group, topics })
  },
  commit: async ({ as }: Request) => await transactions.get(as)!.commit(),
  abort: async ({ as }: Request) => await transactions.get(as)!.abort(),
} satisfies Record<string, (request: never) => Promise<unknown>>

await serve(
  ANSWERS,
  error => {
    const cause = (error as { cause?: unknown }).cause ?? error
    return cause instanceof KafkaJSProtocolError ? cause.code : null
  },
  async () => {},
)
