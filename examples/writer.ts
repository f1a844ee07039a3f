/** Sends very many records, and hears of each where it is: `node examples/writer.ts`, with a broker at TIDEMARK_URL. */
import { Tidemark } from '../src/index.ts'

const url = process.env.TIDEMARK_URL ?? 'http://127.0.0.1:8082'
const producer = new Tidemark({ url }).producer()
await producer.connect()

const lines = Array.from({ length: 10_000 }, (_, index) => `reading ${index}`)
const notWritten: string[] = []
const writer = await producer.writer<number>({
  topic: 'tides',
  stopsAtFailure: true,
  onSettled: ({ partition, first, last, written, error }) => {
    if (written !== 'yes') notWritten.push(`${partition}: ${first} to ${last}, ${written}, ${error}`)
  },
})
for (const [index, line] of lines.entries()) {
  if (writer.hasStopped) break
  writer.write({ value: Buffer.from(line), timestampMs: Date.now() }, index + 1)
  if (!writer.hasRoom) await writer.room()
}
await writer.flush()
console.log(`lines that are not in the log: ${notWritten.join('; ') || 'none'}`)
await producer.disconnect()
