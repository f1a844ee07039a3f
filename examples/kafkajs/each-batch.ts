/**
 * Adds readings up by the batch, and says itself how far it has come. Written for KafkaJS: only the import is another.
 */
// import { type Batch, type Consumer, type EachBatchHandler, Kafka, logLevel } from 'kafkajs'
import {
  type Batch,
  type Consumer,
  type EachBatchHandler,
  Kafka,
  logLevel,
} from '../../src/client/kafkajs/index.ts'

const wanted = Number(process.argv[2] ?? 32)

const kafka = new Kafka({
  clientId: 'gauge-totals',
  brokers: [process.env.BROKER ?? '127.0.0.1:8082'],
  logLevel: logLevel.ERROR,
  retry: { retries: 8 },
})
const consumer: Consumer = kafka.consumer({ groupId: 'gauges-by-the-batch', maxWaitTimeInMs: 500 })

const highest = new Map<string, number>()
let seen = 0

function add({ messages }: Pick<Batch, 'messages'>, index: number): string {
  const message = messages[index]
  const key = message?.key?.toString() ?? ''
  const { metres } = JSON.parse(message?.value?.toString() ?? '{}')
  highest.set(key, Math.max(highest.get(key) ?? 0, metres))
  seen++
  return message?.offset ?? ''
}

await consumer.connect()
await consumer.subscribe({ topic: /^gauges$/, fromBeginning: true })
await new Promise<void>((resolve, reject) => {
  const eachBatch: EachBatchHandler = async ({
    batch,
    resolveOffset,
    heartbeat,
    commitOffsetsIfNecessary,
    isRunning,
    isStale,
  }) => {
    for (const index of batch.messages.keys()) {
      if (!isRunning() || isStale()) break
      resolveOffset(add(batch, index))
      await heartbeat()
    }
    await commitOffsetsIfNecessary()
    if (seen === wanted) resolve()
  }
  consumer.on(consumer.events.CRASH, ({ payload: { error, restart } }) => restart || reject(error))
  consumer.run({ eachBatchAutoResolve: false, autoCommitThreshold: 10, eachBatch }).catch(reject)
})
await consumer.disconnect()

const admin = kafka.admin()
await admin.connect()
const [gauges] = await admin.fetchOffsets({ groupId: 'gauges-by-the-batch', topics: ['gauges'] })
const committed = gauges?.partitions.reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0)
await admin.disconnect()

const highestFirst = [...highest].sort(([, a], [, b]) => b - a)
console.log(highestFirst.map(([gauge, metres]) => `${gauge} ${metres}`).join(', '))
console.log(`${committed} of ${seen} committed`)
