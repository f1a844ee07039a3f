/**
 * A program written for KafkaJS. Two lines are others: the import, and the constructor. What they were stands above
 * them; a test holds that the rest compiles against KafkaJS as it does here.
 */
// import { CompressionTypes, Kafka } from 'kafkajs'
import { CompressionTypes, Tidemark } from '../src/index.ts'

// const kafka = new Kafka({ clientId: 'gauges', brokers: ['localhost:9092'] })
const kafka = new Tidemark({ clientId: 'gauges', url: process.env.TIDEMARK_URL ?? 'http://127.0.0.1:8082' })

const TOPIC = 'levels'
const READINGS = 300

const admin = kafka.admin()
await admin.connect()
await admin.createTopics({ topics: [{ topic: TOPIC, numPartitions: 4 }] })

const producer = kafka.producer({ idempotent: true })
await producer.connect()
const readings = Array.from({ length: READINGS }, (_, index) => ({
  key: `gauge-${index % 10}`,
  value: JSON.stringify({ metres: (index % 70) / 10 }),
  headers: { unit: 'm', index: String(index) },
}))
await producer.send({ topic: TOPIC, compression: CompressionTypes.GZIP, messages: readings.slice(0, 100) })
await producer.sendBatch({ topicMessages: [{ topic: TOPIC, messages: readings.slice(100) }] })
await producer.disconnect()

const consumer = kafka.consumer({ groupId: 'levels-shown', sessionTimeout: 30_000 })
let joined: Record<string, number[]> = {}
consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
  joined = payload.memberAssignment
})
await consumer.connect()
await consumer.subscribe({ topics: [TOPIC], fromBeginning: true })

const seen = new Map<string, number>()
let received = 0
await new Promise<void>((resolve, reject) => {
  consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error))
  consumer
    .run({
      autoCommitInterval: 1_000,
      eachBatch: async ({ batch, resolveOffset, heartbeat, isRunning, isStale }) => {
        for (const message of batch.messages) {
          if (!isRunning() || isStale()) break
          const gauge = message.key?.toString() ?? ''
          const { metres } = JSON.parse(message.value?.toString() ?? '{}')
          if (message.headers?.unit?.toString() !== 'm') throw new Error('not in metres')
          seen.set(gauge, Math.max(seen.get(gauge) ?? 0, metres))
          received++
          resolveOffset(message.offset)
          await heartbeat()
        }
        if (received === READINGS) resolve()
      },
    })
    .catch(reject)
})
consumer.pause([{ topic: TOPIC }])
await consumer.disconnect()

const offsets = await admin.fetchOffsets({ groupId: 'levels-shown', topics: [TOPIC] })
const committed = offsets[0]?.partitions.reduce((sum, { offset }) => sum + Number(offset), 0)
await admin.disconnect()
console.log(`${received} readings of ${seen.size} gauges, ${committed} committed`)
console.log(`assigned: ${Object.keys(joined).join(', ')}`)
