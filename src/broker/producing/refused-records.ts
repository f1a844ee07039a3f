import { type RefusedRecord, RefusedRecords } from '../../core/errors.ts'
import { PORTION_BYTES, PORTION_RECORDS } from '../../core/limits.ts'
import { readBatchHeader } from '../../core/record/batch-header.ts'
import { BatchRecords, type RecordsWanted } from '../../core/record/batch-records.ts'
import type { LogRecord } from '../../core/record/record.ts'
import { Lane, nextTurn } from '../../core/turns.ts'

/** How many records without a key are named in the message. */
const NAMED_MAX = 3
/** How many are told of one by one. */
const TOLD_MAX = 1_000
/** A batch that grows when it is decompressed may hold a record of any size: one at a time. */
const large = new Lane(1)

/**
 * Refuses a call for a compacted topic that has records without a key: nobody could say which of them is the last. These are
 * the places where producing decodes records, so they are loaded where such a topic is written to, or something is wrong.
 * @param chunk batches that were checked
 * @param topic for the message
 * @throws RefusedRecords INVALID_RECORD: names the first three, counted from 0 over all of the call's records
 */
export async function refuseKeyless(chunk: Uint8Array, topic: string): Promise<void> {
  const { count, first } = await findRecords(chunk, ({ key }) => key === null)
  if (count === 0) return
  const named = first.slice(0, NAMED_MAX)
  const others = count - named.length
  throw new RefusedRecords(
    'INVALID_RECORD',
    `The topic "${topic}" is compacted, and takes no record without a key. Of this call's records, counted from 0, these ` +
      `have none: ${named.join(', ')}${others > 0 ? ` and ${others} more` : ''}. Nothing of the call was written: ` +
      'give each a key, which may be empty.',
    async () => first.map(index => ({ index, message: 'It has no key, and its topic is compacted.' })),
  )
}

/** Of batches whose headers say that they have such, the records with a timestamp after `latestMs`. */
export async function findLate(chunk: Uint8Array, latestMs: number): Promise<RefusedRecord[]> {
  const late: RefusedRecord[] = []
  await findRecords(
    chunk,
    ({ timestampMs }, index) => {
      const isLate = timestampMs > latestMs
      if (isLate && late.length < TOLD_MAX) {
        late.push({
          index,
          message: `Its timestamp is ${timestampMs}, and ${latestMs} the latest that is taken.`,
        })
      }
      return isLate
    },
    { isBrief: true },
  )
  return late
}

interface Found {
  count: number
  readonly first: number[]
}

async function findRecords(
  chunk: Uint8Array,
  isMeant: (record: LogRecord, index: number) => boolean,
  wanted?: RecordsWanted,
): Promise<Found> {
  const found: Found = { count: 0, first: [] }
  let before = 0
  for (let position = 0; position < chunk.length; ) {
    const header = readBatchHeader(chunk, position)
    const reading = new BatchRecords(header, chunk, position, wanted)
    const walk = () => walkRecords(reading, before, isMeant, found)
    await (reading.whole ? walk() : large.run(walk))
    before += header.recordCount
    position += header.sizeBytes
  }
  return found
}

async function walkRecords(
  reading: BatchRecords,
  before: number,
  isMeant: (record: LogRecord, index: number) => boolean,
  found: Found,
): Promise<void> {
  const { baseOffset } = reading.header
  try {
    while (!reading.isAtEnd) {
      const records = await reading.next({ records: PORTION_RECORDS, bytes: PORTION_BYTES })
      for (const record of records) {
        const index = before + record.offset - baseOffset
        if (!isMeant(record, index)) continue
        if (found.count < TOLD_MAX) found.first.push(index)
        found.count++
      }
      if (!reading.isAtEnd) await nextTurn()
    }
  } finally {
    reading.close()
  }
}
