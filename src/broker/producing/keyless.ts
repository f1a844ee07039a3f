import { TidemarkError } from '../../core/errors.ts'
import { PORTION_BYTES, PORTION_RECORDS } from '../../core/limits.ts'
import { readBatchHeader } from '../../core/record/batch-header.ts'
import { BatchRecords } from '../../core/record/batch-records.ts'
import { Lane, nextTurn } from '../../core/turns.ts'

/** How many records without a key are named. */
const NAMED_MAX = 3
/** A batch that grows when it is decompressed may hold a record of any size: one at a time. */
const large = new Lane(1)

/**
 * Refuses a call for a compacted topic that has records without a key: nobody could say which of them is the last. This is
 * the one place where producing decodes records, so it is loaded where such a topic is written to.
 * @param chunk batches that were checked
 * @param topic for the message
 * @throws TidemarkError INVALID_RECORD: names the first three, counted from 0 over all of the call's records
 */
export async function refuseKeyless(chunk: Uint8Array, topic: string): Promise<void> {
  const keyless = await findKeyless(chunk)
  if (keyless.count === 0) return
  const others = keyless.count - keyless.first.length
  throw new TidemarkError(
    'INVALID_RECORD',
    `The topic "${topic}" is compacted, and takes no record without a key. Of this call's records, counted from 0, these ` +
      `have none: ${keyless.first.join(', ')}${others > 0 ? ` and ${others} more` : ''}. Nothing of the call was written: ` +
      'give each a key, which may be empty.',
  )
}

async function findKeyless(chunk: Uint8Array): Promise<{ count: number; first: number[] }> {
  const found = { count: 0, first: [] as number[] }
  let before = 0
  for (let position = 0; position < chunk.length; ) {
    const header = readBatchHeader(chunk, position)
    const reading = new BatchRecords(header, chunk, position)
    const walk = () => walkRecords(reading, before, found)
    await (reading.whole ? walk() : large.run(walk))
    before += header.recordCount
    position += header.sizeBytes
  }
  return found
}

async function walkRecords(
  reading: BatchRecords,
  before: number,
  found: { count: number; first: number[] },
): Promise<void> {
  const { baseOffset } = reading.header
  try {
    while (!reading.isAtEnd) {
      const records = await reading.next({ records: PORTION_RECORDS, bytes: PORTION_BYTES })
      for (const { key, offset } of records) {
        if (key !== null) continue
        if (found.count < NAMED_MAX) found.first.push(before + offset - baseOffset)
        found.count++
      }
      if (!reading.isAtEnd) await nextTurn()
    }
  } finally {
    reading.close()
  }
}
