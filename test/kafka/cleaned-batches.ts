/**
 * Writes batches as the cleaner leaves them, in all codecs, into a file, and tells what is in them, a line a record:
 *
 *   node test/kafka/cleaned-batches.ts cleaned.bin > expected.txt
 */
import { writeFileSync } from 'node:fs'
import { cleanBatch } from '../../src/core/log/compaction/clean-batch.ts'
import { decodeBatch, encodeBatch, stampLogAppendTime } from '../../src/core/record/index.ts'

const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
const RECORDS = 40

const cleaned: Uint8Array[] = []
let next = 1_000
for (const [round, compression] of [...CODECS, ...CODECS].entries()) {
  const inputs = Array.from({ length: RECORDS }, (_, index) => ({
    key: index % 5 === 4 ? null : Buffer.from(`key-${index}`),
    value: index % 7 === 3 ? null : Buffer.from(`value-${round}-${'x'.repeat(index * 30)}`),
    headers: index % 4 === 0 ? [{ key: 'header', value: null }] : [],
    timestampMs: 1_700_000_000_000 + index * 1_000 - round,
  }))
  const batch = encodeBatch(inputs, {
    compression,
    baseOffset: next,
    producerId: 7n,
    producerEpoch: 0,
    baseSequence: 0,
  })
  // The second time around, the broker's time counts.
  if (round >= CODECS.length) stampLogAppendTime(batch, 0, 1_700_000_100_000)
  const left = cleanBatch(batch, 0, ({ offset }) => (offset * 7 + round) % 3 === 0)
  if (left) cleaned.push(left)
  next += RECORDS
}

const [path] = process.argv.slice(2)
writeFileSync(path!, Buffer.concat(cleaned))
for (const batch of cleaned) {
  const { header, records } = decodeBatch(batch)
  const { baseOffset, lastOffsetDelta, compression, recordCount, maxTimestamp, producerId } = header
  console.log(
    `batch ${baseOffset} ${baseOffset + lastOffsetDelta} ${compression} ${recordCount} ${maxTimestamp} ${producerId}`,
  )
  for (const { offset, timestampMs, key, value, headers } of records) {
    const text = (bytes: Uint8Array | null) => (bytes === null ? 'null' : Buffer.from(bytes).toString())
    console.log(`${offset} ${timestampMs} ${text(key)} ${text(value)} ${headers.length}`)
  }
}
