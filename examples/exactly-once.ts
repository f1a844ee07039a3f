/**
 * Carries what is high from one topic to another, each record exactly once, whatever happens to it: the records that it writes and the
 * offsets of those that it has read are one transaction. Until Ctrl-C, or for as many records as the first argument says.
 */
import { Tidemark } from '../src/index.ts'

const tidemark = new Tidemark({ url: process.env.TIDEMARK_URL ?? 'http://127.0.0.1:8082' })
const consumer = tidemark.consumer({ groupId: 'warners' })
// Its own in each process, and the same again when that starts again: so it ends what it left.
const producer = tidemark.producer({ transactionalId: process.env.WARNER ?? 'warner-1' })
const admin = tidemark.admin()
await admin.createTopics({ topics: [{ topic: 'warnings' }] })
await consumer.connect()
await consumer.subscribe({ topics: ['tides'], fromBeginning: true })

let left = Number(process.argv[2] ?? Number.POSITIVE_INFINITY)
let end = () => {}
const ended = new Promise<void>(resolve => {
  end = resolve
})
process.once('SIGINT', end)

await consumer.run({
  autoCommit: false,
  eachBatch: async ({ batch: { topic, partition, messages } }) => {
    const transaction = await producer.transaction()
    try {
      const high = messages.filter(({ value }) => Number(value) >= 6)
      await transaction.send({ topic: 'warnings', messages: high.map(({ key, value }) => ({ key, value })) })
      const offset = String(BigInt(messages.at(-1)!.offset) + 1n)
      // Refused where another process owns the partition by now.
      await transaction.sendOffsets({ consumer, topics: [{ topic, partitions: [{ partition, offset }] }] })
      const committed = await transaction.commit()
      console.log(`${topic}/${partition}: ${messages.length} read, ${committed[0]?.records ?? 0} carried`)
    } catch (error) {
      if (transaction.isActive()) await transaction.abort()
      throw error
    }
    left -= messages.length
    if (left <= 0) end()
  },
})
await ended
await consumer.disconnect()
await producer.disconnect()
