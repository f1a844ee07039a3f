import { PORTION_BYTES, PORTION_RECORDS } from '../limits.ts'
import { advance, type Offset, toOffset } from '../numbers.ts'
import { Lane, nextTurn } from '../turns.ts'
import { type BatchHeader, checkToRead, isDense } from './batch-header.ts'
import { BatchRecords } from './batch-records.ts'
import { RecordFields, readLength } from './record-fields.ts'
import { VarintReader } from './varint.ts'

/** Of this process: a large batch at a time. */
const LARGE = new Lane(1)

interface Found {
  offset: Offset
  timestampMs: number
}

/**
 * The first record in the batch at `position` that has this timestamp or a later one, and no offset below
 * `from`; or undefined. A promise only where the batch is too large to be in memory as a whole.
 *
 * @param timestampMs milliseconds since the epoch
 * @throws TidemarkError as `decodeBatch`
 */
export function findTimestamp(
  bytes: Uint8Array,
  position: number,
  timestampMs: number,
  from: Offset = toOffset(0),
): Found | undefined | Promise<Found | undefined> {
  const header = checkToRead(bytes, position)
  // The index believes a batch's maximum as well, so it is no news to whoever asks.
  if (header.maxTimestamp < timestampMs) return undefined
  const baseOffset = toOffset(header.baseOffset)
  if (advance(baseOffset, header.lastOffsetDelta) < from) return undefined
  if (header.timestampType === 'LogAppendTime' && isDense(header)) {
    return { offset: toOffset(Math.max(baseOffset, from)), timestampMs: header.maxTimestamp }
  }
  const reading = new BatchRecords(header, bytes, position, { from, isBrief: true })
  const { whole } = reading
  if (!whole) return LARGE.run(() => findInPortions(reading, timestampMs))
  return findIn(whole, header, timestampMs, from)
}

/**
 * The first of the records with the greatest timestamp in the batch at `position`, none of which has an offset below `from`;
 * undefined where there are none, or the batch has none that reaches `leastMs`.
 * @throws TidemarkError as `decodeBatch`
 */
export async function findLatest(
  bytes: Uint8Array,
  position: number,
  from: Offset,
  leastMs = Number.NEGATIVE_INFINITY,
): Promise<Found | undefined> {
  const header = checkToRead(bytes, position)
  if (header.maxTimestamp < leastMs) return undefined
  if (advance(toOffset(header.baseOffset), header.lastOffsetDelta) < from) return undefined
  const reading = new BatchRecords(header, bytes, position, { from, isBrief: true })
  return await LARGE.run(() => findLatestIn(reading))
}

async function findLatestIn(reading: BatchRecords): Promise<Found | undefined> {
  let latest: Found | undefined
  try {
    while (!reading.isAtEnd) {
      for (const { offset, timestampMs } of await reading.next({
        records: PORTION_RECORDS,
        bytes: PORTION_BYTES,
      })) {
        if (latest === undefined || timestampMs > latest.timestampMs) latest = { offset, timestampMs }
      }
      await nextTurn()
    }
    return latest
  } finally {
    reading.close()
  }
}

function findIn(
  records: Uint8Array,
  header: BatchHeader,
  timestampMs: number,
  from: Offset,
): Found | undefined {
  const reader = new VarintReader(records, 0)
  const fields = new RecordFields(header)
  for (let index = 0; index < header.recordCount; index++) {
    const recordEnd = readLength(reader, records.length)
    const timestamp = fields.readTime(reader, recordEnd, index)
    const offset = advance(toOffset(header.baseOffset), fields.nextDelta - 1)
    if (timestamp >= timestampMs && offset >= from) return { offset, timestampMs: timestamp }
    reader.position = recordEnd
  }
  return undefined
}

async function findInPortions(reading: BatchRecords, timestampMs: number): Promise<Found | undefined> {
  try {
    while (!reading.isAtEnd) {
      const records = await reading.next({ records: PORTION_RECORDS, bytes: PORTION_BYTES })
      const found = records.find(record => record.timestampMs >= timestampMs)
      if (found) return { offset: found.offset, timestampMs: found.timestampMs }
      await nextTurn()
    }
    return undefined
  } finally {
    reading.close()
  }
}
