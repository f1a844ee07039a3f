/** A consumer of a checkout's SDK that reads so many records, and ends: `node … TREE URL RECORDS`. */
import { join, resolve } from 'node:path'

const [tree, url, records] = process.argv.slice(2) as [string, string, string]
const sdk = await import(join(resolve(tree), 'src/client/index.ts'))
const consumer = new sdk.Tidemark({ url }).consumer({ groupId: 'inflating-sdk' })
await consumer.connect()
await consumer.subscribe({ topics: ['inflating'], fromBeginning: true })
let left = Number(records)
const done = Promise.withResolvers<void>()
await consumer.run({
  eachMessage: async () => {
    left--
    if (left === 0) done.resolve()
  },
})
await done.promise
await consumer.disconnect()
