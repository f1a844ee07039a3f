/** Sends readings of some tide gauges: `node examples/producer.ts`, with a broker at TIDEMARK_URL. */
import { Tidemark } from '../src/index.ts'

const url = process.env.TIDEMARK_URL ?? 'http://127.0.0.1:8082'
const producer = new Tidemark({ url }).producer()
await producer.connect()

const [written] = await producer.send({
  topic: 'tides',
  messages: [
    { key: 'dover', value: '6.2', headers: { unit: 'm' } },
    { key: 'dover', value: '6.4', headers: { unit: 'm' } },
  ],
})
console.log(`dover is in partition ${written?.partition}, from offset ${written?.baseOffset} on`)

// Sends at the same time share batches, and need not be waited for one by one.
const gauges = ['brest', 'cuxhaven', 'bergen', 'vigo']
await Promise.all(
  gauges.map((gauge, index) =>
    producer.send({ topic: 'tides', messages: [{ key: gauge, value: `${index + 3}.0` }] }),
  ),
)
console.log(`wrote ${gauges.length} more`)
await producer.disconnect()
