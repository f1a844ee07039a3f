/** Makes a topic, looks at it, and sends a group back to the beginning of it. */
import { Tidemark } from '../src/index.ts'

const url = process.env.TIDEMARK_URL ?? 'http://127.0.0.1:8082'
const admin = new Tidemark({ url }).admin()
await admin.connect()

const isNew = await admin.createTopics({ topics: [{ topic: 'tides', numPartitions: 3 }] })
console.log(isNew ? 'made tides' : 'tides was there')

for (const { partition, low, high } of await admin.fetchTopicOffsets('tides')) {
  console.log(`tides ${partition}: ${low} to ${high}`)
}

await admin.resetOffsets({ groupId: 'gauges', topic: 'tides', earliest: true })
const [committed] = await admin.fetchOffsets({ groupId: 'gauges', topics: ['tides'] })
console.log(`gauges begins at ${committed?.partitions.map(({ offset }) => offset).join(', ')}`)
await admin.disconnect()
