/**
 * One of the writers of sixteen-writers.test.ts: <directory> <writer> <batches>. Prints a line for each batch that
 * was acknowledged: its number, the offset it got, and how many records it has.
 */
import { TidemarkError } from '../../src/core/errors.ts'
import { encodeBatch } from '../../src/core/record/index.ts'
import { openEmbedded } from '../../src/embedded/embedded.ts'

const [directory, writer, count] = process.argv.slice(2)
const { broker, close } = await openEmbedded({ directory: directory! })

/** Records whose value says who wrote them: <writer>:<batch>:<record>. */
function batch(number: number): { bytes: Uint8Array; records: number } {
  const records = 1 + (number % 5)
  // Small ones travel inline, large ones in an object.
  const padding = [10, 200, 5_000, 40, 60_000, 900][number % 6]!
  const inputs = Array.from({ length: records }, (_, record) => ({
    key: Buffer.alloc(padding, 'x'),
    value: Buffer.from(`${writer}:${number}:${record}`),
    timestampMs: Date.now(),
  }))
  const compression = (['none', 'lz4', 'none', 'zstd'] as const)[number % 4]!
  return { bytes: new Uint8Array(encodeBatch(inputs, { compression })), records }
}

async function produce(number: number): Promise<void> {
  const { bytes, records } = batch(number)
  const produced = await broker.produce({ topic: 'shared', partition: 0, batches: bytes })
  if (produced.records !== records) throw new Error(`${produced.records} records instead of ${records}`)
  process.stdout.write(`${number} ${produced.baseOffset} ${records}\n`)
}

try {
  for (let next = 0; next < Number(count); ) {
    // Some one by one, some several at a time.
    const together = 1 + (next % 4)
    const numbers = Array.from(
      { length: Math.min(together, Number(count) - next) },
      (_, index) => next + index,
    )
    await Promise.all(numbers.map(produce))
    next += numbers.length
  }
} catch (error) {
  if (error instanceof TidemarkError) console.error(`writer ${writer}: ${error.kafkaName} ${error.message}`)
  throw error
} finally {
  await close()
}
