/**
 * Reads as a member of a group until Ctrl-C, or for as many records as the first argument says. Start it several times:
 * the partitions are shared out, and go to the others when one ends.
 */
import { type ConsumedMessage, Tidemark } from '../src/index.ts'

const url = process.env.TIDEMARK_URL ?? 'http://127.0.0.1:8082'
const consumer = new Tidemark({ url }).consumer({ groupId: 'gauges' })
await consumer.connect()
await consumer.subscribe({ topics: ['tides'], fromBeginning: true })

let left = Number(process.argv[2] ?? Number.POSITIVE_INFINITY)
let end = () => {}
const ended = new Promise<void>(resolve => {
  end = resolve
})
process.once('SIGINT', end)

await consumer.run({
  partitionsConsumedConcurrently: 3,
  eachMessage: async ({ partition, message }) => {
    show(partition, message)
    left--
    if (left === 0) end()
  },
})
await ended
// Commits what was consumed, and leaves the group, so that the others need not wait for the session time-out.
await consumer.disconnect()

function show(partition: number, { offset, key, value }: ConsumedMessage): void {
  console.log(`${partition}:${offset} ${key} = ${value}`)
}
