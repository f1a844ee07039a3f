// Run with the built package beside it, by whichever Node is to be tried: the client alone, then the package's root.
import { Tidemark } from './dist/client/index.js'
import { Tidemark as FromRoot } from './dist/index.js'

async function roundtrip(tidemark, topic) {
  await tidemark.admin().createTopics({ topics: [{ topic, numPartitions: 2 }] })
  const producer = tidemark.producer()
  for (const compression of ['none', 'gzip', 'lz4']) {
    await producer.send({ topic, compression, messages: [{ key: compression, value: 'ebb' }] })
  }
  await producer.disconnect()
  const consumer = tidemark.consumer({ groupId: topic })
  await consumer.subscribe({ topic, fromBeginning: true })
  let records = 0
  for await (const { value } of consumer) {
    if (value?.toString() !== 'ebb') throw new Error('not what was sent')
    records++
    if (records === 3) break
  }
  return records
}

const [url] = process.argv.slice(2)
const run = `${process.version}-${process.pid}`
const read = await roundtrip(new Tidemark({ url }), `client-${run}`)
const readByRoot = await roundtrip(new FromRoot({ url }), `root-${run}`)
console.log(`${process.version} read ${read} and ${readByRoot}`)
