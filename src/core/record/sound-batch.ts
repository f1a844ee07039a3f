import { BATCH_BYTES_MAX, BATCH_RECORDS_MAX } from '../limits.ts'
import { checkBatch } from './batch-header.ts'
import {
  ATTRIBUTES_AT,
  BASE_OFFSET_AT,
  BASE_TIMESTAMP_AT,
  COMPRESSION_BITS,
  CRC_AT,
  LAST_OFFSET_DELTA_AT,
  LENGTH_AT,
  LENGTH_EXCLUDED_BYTES,
  MAGIC,
  MAGIC_AT,
  MAX_TIMESTAMP_AT,
  RECORD_BYTES_MIN,
  RECORD_COUNT_AT,
  RECORDS_AT,
  readInt32,
} from './batch-layout.ts'
import { batchChecksum } from './checksum.ts'

/** Gzip, snappy, lz4, zstd. */
const COMPRESSIONS = 4
/** High halves of an offset to which any delta can be added, and of a time: both stay within 53 bits. */
const OFFSET_HIGH_MAX = 0x1f_fffe
const TIME_HIGH_MAX = 0xf_ffff

/**
 * As `checkBatch`, for whoever wants no header: most batches that come out of a log are sound, and making one costs as much as
 * the CRC of a small batch. What does not look sound is checked field by field.
 * @throws TidemarkError as checkBatch
 */
export function checkSound(bytes: Uint8Array, position: number): void {
  if (!looksSound(bytes, position) || !hasItsChecksum(bytes, position)) checkBatch(bytes, position)
}

/** True only where `checkBatch` would throw nothing but for the CRC. */
export function looksSound(bytes: Uint8Array, position: number): boolean {
  if (position + RECORDS_AT > bytes.length) return false
  const sizeBytes = readInt32(bytes, position + LENGTH_AT) + LENGTH_EXCLUDED_BYTES
  if (sizeBytes < RECORDS_AT || sizeBytes > BATCH_BYTES_MAX || position + sizeBytes > bytes.length)
    return false
  if (bytes[position + MAGIC_AT] !== MAGIC) return false
  const compression = bytes[position + ATTRIBUTES_AT + 1]! & COMPRESSION_BITS
  if (compression > COMPRESSIONS) return false
  const records = readInt32(bytes, position + RECORD_COUNT_AT)
  const span = readInt32(bytes, position + LAST_OFFSET_DELTA_AT) + 1
  if (records < 0 || span < 1 || records > span || records > BATCH_RECORDS_MAX) return false
  const leastBytes = compression === 0 ? records * RECORD_BYTES_MIN : Math.min(records, 1)
  if (sizeBytes - RECORDS_AT < leastBytes) return false
  const offsetHigh = readInt32(bytes, position + BASE_OFFSET_AT)
  if (offsetHigh < 0 || offsetHigh > OFFSET_HIGH_MAX) return false
  return isTime(bytes, position + BASE_TIMESTAMP_AT) && isTime(bytes, position + MAX_TIMESTAMP_AT)
}

function hasItsChecksum(bytes: Uint8Array, position: number): boolean {
  const sizeBytes = readInt32(bytes, position + LENGTH_AT) + LENGTH_EXCLUDED_BYTES
  return readInt32(bytes, position + CRC_AT) >>> 0 === batchChecksum(bytes, position, sizeBytes)
}

/** Also -1, which stands for none. */
function isTime(bytes: Uint8Array, position: number): boolean {
  const high = readInt32(bytes, position)
  return high >= -1 && high <= TIME_HIGH_MAX
}
