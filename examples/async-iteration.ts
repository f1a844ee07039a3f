/** Reads in a loop until it has as many records as the first argument says, or 3. */
import { Tidemark } from '../src/index.ts'

const url = process.env.TIDEMARK_URL ?? 'http://127.0.0.1:8082'
const consumer = new Tidemark({ url }).consumer({ groupId: 'loop' })
await consumer.subscribe({ topic: 'tides', fromBeginning: true })

let left = Number(process.argv[2] ?? 3)
for await (const { topic, partition, offset, key, value } of consumer) {
  console.log(`${topic} ${partition}:${offset} ${key} = ${value}`)
  left--
  if (left > 0) continue
  // A record counts as consumed when the next one is asked for; the last one is committed by hand.
  await consumer.commitOffsets([{ topic, partition, offset: String(Number(offset) + 1) }])
  break
}
