/** Prints the last records of every partition, up to where each ends now, without a group: 2, or the first argument. */
import { Tidemark } from '../src/index.ts'

const url = process.env.TIDEMARK_URL ?? 'http://127.0.0.1:8082'
const tidemark = new Tidemark({ url })
const last = Number(process.argv[2] ?? 2)

const ends = await tidemark.admin().fetchTopicOffsets('tides')
const consumer = tidemark.consumer()
consumer.assign(
  ends.map(({ partition, low, high }) => {
    const offset = String(Math.max(Number(low), Number(high) - last))
    return { topic: 'tides', partition, offset }
  }),
)

const stopOffsets = ends.map(({ partition, high }) => ({ topic: 'tides', partition, offset: high }))
for await (const { partition, offset, key, value } of consumer.records({ stopOffsets })) {
  console.log(`${partition}:${offset} ${key} = ${value}`)
}
