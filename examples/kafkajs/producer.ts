/**
 * Sends readings one call after the other, then some to two topics in one call. Written for KafkaJS: only where it
 * imports from is another.
 */
// import type { Message, ProducerBatch, RecordMetadata, TopicMessages } from 'kafkajs'
// import { CompressionTypes, Kafka, logLevel, Partitioners } from 'kafkajs'

import type { Message, ProducerBatch, RecordMetadata, TopicMessages } from '../../src/client/kafkajs/index.ts'
import { CompressionTypes, Kafka, logLevel, Partitioners } from '../../src/client/kafkajs/index.ts'

const kafka = new Kafka({
  clientId: 'gauge-writer',
  brokers: [process.env.BROKER ?? '127.0.0.1:8082'],
  logLevel: logLevel.ERROR,
})
const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })

function reading(gauge: string, metres: number): Message {
  return { key: gauge, value: JSON.stringify({ metres }), headers: { unit: 'm', source: ['gauge', gauge] } }
}

const connected = new Promise<void>(resolve => {
  producer.on(producer.events.CONNECT, ({ type }) => {
    console.log(type)
    resolve()
  })
})
await producer.connect()
await connected

const written: RecordMetadata[] = []
for (const [index, gauge] of ['dover', 'brest', 'vigo'].entries()) {
  const messages = Array.from({ length: 10 }, (_, tenth) => reading(gauge, index + tenth / 10))
  written.push(...(await producer.send({ topic: 'gauges', compression: CompressionTypes.GZIP, messages })))
}
console.log(`${written.length} calls, the first one from offset ${written[0]?.baseOffset} on`)

const topicMessages: TopicMessages[] = [
  { topic: 'gauges', messages: [reading('bergen', 5), reading('cuxhaven', 4)] },
  { topic: 'gauge-alarms', messages: [{ key: 'bergen', value: 'above 4.5 m', timestamp: '1767225600000' }] },
]
const batch: ProducerBatch = { acks: -1, topicMessages }
const topics = new Set((await producer.sendBatch(batch)).map(({ topicName }) => topicName))
console.log(`and to ${[...topics].sort().join(' and ')}`)
await producer.disconnect()
