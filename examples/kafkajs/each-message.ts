/** Shows readings one by one, and ends after as many as are asked for. Written for KafkaJS: only the import is another. */
// import { type EachMessagePayload, Kafka, type KafkaMessage, type LogEntry, logLevel } from 'kafkajs'
import {
  type EachMessagePayload,
  Kafka,
  type KafkaMessage,
  type LogEntry,
  logLevel,
} from '../../src/client/kafkajs/index.ts'

const wanted = Number(process.argv[2] ?? 32)

const toStderr =
  (level: logLevel) =>
  ({ namespace, label, log: { message } }: LogEntry): void => {
    if (level !== logLevel.NOTHING) console.error(`${label} ${namespace}: ${message}`)
  }

const kafka = new Kafka({
  clientId: 'gauge-reader',
  brokers: async () => [process.env.BROKER ?? '127.0.0.1:8082'],
  logLevel: logLevel.ERROR,
  logCreator: toStderr,
})
const consumer = kafka.consumer({ groupId: 'gauges-one-by-one' })

function show({ offset, key, value, headers, timestamp }: KafkaMessage): string {
  const unit = headers?.unit?.toString() ?? ''
  const { metres } = JSON.parse(value?.toString() ?? '{}')
  const isTimed = Number(timestamp) > 0
  return `${key}: ${metres} ${unit}${isTimed ? '' : ', at an unknown time'} (${offset})`
}

await consumer.connect()
await consumer.subscribe({ topics: ['gauges'], fromBeginning: true })

let seen = 0
const done = new Promise<void>((resolve, reject) => {
  consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error))
  consumer
    .run({
      eachMessage: async ({ message, heartbeat }: EachMessagePayload) => {
        if (seen++ < 3) console.log(show(message))
        await heartbeat()
        if (seen === wanted) resolve()
      },
    })
    .catch(reject)
})
await done
await consumer.stop()
await consumer.disconnect()
console.log(`${seen} readings`)
