import { TidemarkError } from '../errors.ts'
import { BATCH_BYTES_MAX, BATCH_RECORDS_MAX } from '../limits.ts'
import {
  ATTRIBUTES_AT,
  BASE_OFFSET_AT,
  BASE_SEQUENCE_AT,
  BASE_TIMESTAMP_AT,
  COMPRESSION_BITS,
  CONTROL_BIT,
  CRC_AT,
  LAST_OFFSET_DELTA_AT,
  LEADER_EPOCH_AT,
  LENGTH_AT,
  LENGTH_EXCLUDED_BYTES,
  LOG_APPEND_TIME_BIT,
  MAGIC,
  MAGIC_AT,
  MAX_TIMESTAMP_AT,
  PRODUCER_EPOCH_AT,
  PRODUCER_ID_AT,
  RECORD_BYTES_MIN,
  RECORD_COUNT_AT,
  RECORDS_AT,
  readInt16,
  readInt32,
  readInt64,
  TRANSACTIONAL_BIT,
  writeInt16,
  writeInt32,
  writeInt64,
} from './batch-layout.ts'
import { batchChecksum } from './checksum.ts'
import { type CompressionName, compressionName } from './compression-name.ts'

/** Who sent a batch, and as which of its batches in the partition. */
export interface BatchProducer {
  /** -1 when the producer is not idempotent; then its epoch and sequence mean nothing. */
  producerId: bigint
  producerEpoch: number
  baseSequence: number
  /** Whether the batch is a transaction's; where it is left out, that stays as it is. */
  isTransactional?: boolean
}

/** The 61 bytes before a batch's records. Times are milliseconds since the epoch. */
export interface BatchHeader extends BatchProducer {
  baseOffset: number
  /** The whole batch, with the 12 bytes that its own length field leaves out. */
  sizeBytes: number
  leaderEpoch: number
  /** Unsigned. */
  crc: number
  attributes: number
  compression: CompressionName
  timestampType: 'CreateTime' | 'LogAppendTime'
  isTransactional: boolean
  isControl: boolean
  lastOffsetDelta: number
  baseTimestamp: number
  maxTimestamp: number
  recordCount: number
}

/** What stands in the header of a batch whose producer is not idempotent. */
export const NO_PRODUCER_ID = -1n

/** CORRUPT_MESSAGE: a batch that is incomplete, or whose bytes have changed. Its message is for whoever sent it. */
export class DamagedBatch extends TidemarkError {
  /** What is wrong, for whoever reads it where it was stored, and can send nothing. No full stop ends it. */
  readonly damage: string

  constructor(damage: string, advice: string) {
    super('CORRUPT_MESSAGE', `${damage}. ${advice}`)
    this.damage = damage
  }
}

/**
 * Checks a batch as far as that goes without decoding its records: length, magic, CRC, the fields'
 * ranges, and that the batch can hold as many records as it claims. What lies after the batch does not
 * matter. Whether a client may send it (gaps, control batches, the topic's own limit) is for the caller to say.
 *
 * @param position where the batch begins in `bytes`
 * @throws TidemarkError CORRUPT_MESSAGE when bytes are missing or damaged; INVALID_RECORD,
 *   INVALID_TIMESTAMP, UNSUPPORTED_COMPRESSION_TYPE, RECORD_LIST_TOO_LARGE or MESSAGE_TOO_LARGE when the
 *   bytes are as the producer wrote them and he wrote them wrongly
 */
export function checkBatch(bytes: Uint8Array, position = 0): BatchHeader {
  const sizeBytes = batchSizeBytes(bytes, position)
  const presentBytes = bytes.length - position
  if (sizeBytes > presentBytes) {
    throw new DamagedBatch(
      `The batch says it has ${sizeBytes} bytes, but only ${presentBytes} are there`,
      'Send it whole.',
    )
  }
  if (sizeBytes > BATCH_BYTES_MAX) {
    throw new TidemarkError(
      'MESSAGE_TOO_LARGE',
      `The batch has ${sizeBytes} bytes; ${BATCH_BYTES_MAX} is the most. Send fewer records in a batch.`,
    )
  }
  checkMagic(bytes, position)
  const stored = readInt32(bytes, position + CRC_AT) >>> 0
  const actual = batchChecksum(bytes, position, sizeBytes)
  if (stored !== actual) {
    throw new DamagedBatch(
      `The batch's CRC-32C is ${hex(actual)} and should be ${hex(stored)}`,
      'Its bytes changed on the way: send it again.',
    )
  }
  const header = readBatchHeader(bytes, position)
  checkCounts(header)
  return header
}

/**
 * As `checkBatch`, for whoever reads a batch, and has not sent it.
 * @throws TidemarkError as checkBatch
 */
export function checkToRead(bytes: Uint8Array, position: number): BatchHeader {
  try {
    return checkBatch(bytes, position)
  } catch (error) {
    if (!(error instanceof DamagedBatch)) throw error
    const message = `A batch to be read is damaged: ${error.damage}. Read it again; if it stays so, go on behind it.`
    throw new TidemarkError('CORRUPT_MESSAGE', message, 'no', { cause: error })
  }
}

/**
 * Reads a batch's header and checks neither its CRC nor its counts; the records need not be there.
 *
 * @throws TidemarkError CORRUPT_MESSAGE when the header is incomplete; INVALID_RECORD, INVALID_TIMESTAMP
 *   or UNSUPPORTED_COMPRESSION_TYPE when a field has a value that Tidemark cannot hold
 */
export function readBatchHeader(bytes: Uint8Array, position = 0): BatchHeader {
  const sizeBytes = batchSizeBytes(bytes, position)
  checkMagic(bytes, position)
  const baseOffset = readInt64(bytes, position + BASE_OFFSET_AT)
  const lastOffsetDelta = readInt32(bytes, position + LAST_OFFSET_DELTA_AT)
  if (baseOffset < 0 || baseOffset + lastOffsetDelta > Number.MAX_SAFE_INTEGER) {
    throw new DamagedBatch(
      `The batch's base offset ${baseOffset} is not between 0 and 2^53 - 1`,
      'Send it with base offset 0.',
    )
  }
  const baseTimestamp = readInt64(bytes, position + BASE_TIMESTAMP_AT)
  const maxTimestamp = readInt64(bytes, position + MAX_TIMESTAMP_AT)
  if (!Number.isSafeInteger(baseTimestamp) || !Number.isSafeInteger(maxTimestamp)) {
    throw new TidemarkError(
      'INVALID_TIMESTAMP',
      `The batch's timestamps, ${baseTimestamp} to ${maxTimestamp}, are wider than 53 bits. Give milliseconds since 1970.`,
    )
  }
  const attributes = readInt16(bytes, position + ATTRIBUTES_AT)
  return {
    baseOffset,
    sizeBytes,
    leaderEpoch: readInt32(bytes, position + LEADER_EPOCH_AT),
    crc: readInt32(bytes, position + CRC_AT) >>> 0,
    attributes,
    compression: compressionName(attributes & COMPRESSION_BITS),
    timestampType: (attributes & LOG_APPEND_TIME_BIT) === 0 ? 'CreateTime' : 'LogAppendTime',
    isTransactional: (attributes & TRANSACTIONAL_BIT) !== 0,
    isControl: (attributes & CONTROL_BIT) !== 0,
    lastOffsetDelta,
    baseTimestamp,
    maxTimestamp,
    producerId: readProducerId(bytes, position + PRODUCER_ID_AT),
    producerEpoch: readInt16(bytes, position + PRODUCER_EPOCH_AT),
    baseSequence: readInt32(bytes, position + BASE_SEQUENCE_AT),
    recordCount: readInt32(bytes, position + RECORD_COUNT_AT),
  }
}

/**
 * The size of the batch at `position`, which is also the way to the next one; at least a header's 61.
 *
 * @throws TidemarkError CORRUPT_MESSAGE when no header is there, or its length is absurd
 */
export function batchSizeBytes(bytes: Uint8Array, position: number): number {
  if (position + RECORDS_AT > bytes.length) throw incomplete(bytes, position)
  const sizeBytes = readInt32(bytes, position + LENGTH_AT) + LENGTH_EXCLUDED_BYTES
  if (sizeBytes < RECORDS_AT) {
    throw new DamagedBatch(
      `The batch at byte ${position} says it has ${sizeBytes} bytes, less than its own header`,
      'Send record batches of magic 2.',
    )
  }
  return sizeBytes
}

/**
 * How many offsets the batch at `position` says it covers; true when `checkBatch` has accepted it.
 *
 * @throws TidemarkError CORRUPT_MESSAGE when no header is there
 */
export function batchSpan(bytes: Uint8Array, position: number): number {
  if (position + RECORDS_AT > bytes.length) throw incomplete(bytes, position)
  return readInt32(bytes, position + LAST_OFFSET_DELTA_AT) + 1
}

/**
 * Gives the batch its place in the log, in its own bytes. Both fields lie outside the CRC.
 *
 * @throws TidemarkError CORRUPT_MESSAGE when no header is there
 * @throws RangeError when the first or the last record's offset is none
 */
export function patchOffsets(
  bytes: Uint8Array,
  position: number,
  baseOffset: number,
  leaderEpoch: number,
): void {
  if (position + RECORDS_AT > bytes.length) throw incomplete(bytes, position)
  const lastOffset = baseOffset + readInt32(bytes, position + LAST_OFFSET_DELTA_AT)
  if (!Number.isSafeInteger(baseOffset) || baseOffset < 0 || lastOffset > Number.MAX_SAFE_INTEGER) {
    throw new RangeError(`a batch cannot have the offsets ${baseOffset} to ${lastOffset}`)
  }
  writeInt64(bytes, position + BASE_OFFSET_AT, baseOffset)
  writeInt32(bytes, position + LEADER_EPOCH_AT, leaderEpoch)
}

/** What changes of a batch that is written anew with fewer records. */
export interface Rewritten {
  readonly baseOffset: number
  readonly lastOffset: number
  readonly recordCount: number
  readonly maxTimestamp: number
}

/**
 * The batch with other records, compressed as the batch says: its base timestamp, its producer and all else stays.
 * @param records in pieces, one behind the other
 */
export function rewriteBatch(
  batch: Uint8Array,
  records: readonly Uint8Array[],
  changed: Rewritten,
): Uint8Array {
  const bytes = new Uint8Array(records.reduce((sum, { length }) => sum + length, RECORDS_AT))
  bytes.set(batch.subarray(0, RECORDS_AT))
  let position = RECORDS_AT
  for (const piece of records) {
    bytes.set(piece, position)
    position += piece.length
  }
  writeInt64(bytes, BASE_OFFSET_AT, changed.baseOffset)
  writeInt32(bytes, LENGTH_AT, bytes.length - LENGTH_EXCLUDED_BYTES)
  writeInt32(bytes, LAST_OFFSET_DELTA_AT, changed.lastOffset - changed.baseOffset)
  writeInt64(bytes, MAX_TIMESTAMP_AT, changed.maxTimestamp)
  writeInt32(bytes, RECORD_COUNT_AT, changed.recordCount)
  writeInt32(bytes, CRC_AT, batchChecksum(bytes, 0, bytes.length))
  return bytes
}

/**
 * Stands for batches whose bytes are gone: a header that says so many offsets, and a CRC that can never be right.
 * @param span from 1 to INT32_MAX
 */
export function lostBatch(baseOffset: number, span: number): Uint8Array {
  const bytes = new Uint8Array(RECORDS_AT)
  writeInt32(bytes, LENGTH_AT, RECORDS_AT - LENGTH_EXCLUDED_BYTES)
  bytes[MAGIC_AT] = MAGIC
  writeInt32(bytes, LAST_OFFSET_DELTA_AT, span - 1)
  writeInt64(bytes, BASE_TIMESTAMP_AT, -1)
  writeInt64(bytes, MAX_TIMESTAMP_AT, -1)
  writeProducer(bytes, 0, { producerId: NO_PRODUCER_ID, producerEpoch: -1, baseSequence: -1 })
  patchOffsets(bytes, 0, baseOffset, 0)
  writeInt32(bytes, CRC_AT, ~batchChecksum(bytes, 0, RECORDS_AT))
  return bytes
}

/** Whether what lies there stands for batches whose bytes are gone. */
export function isLostBatch(bytes: Uint8Array, position: number): boolean {
  const size = RECORDS_AT - LENGTH_EXCLUDED_BYTES
  if (bytes.length - position < RECORDS_AT || readInt32(bytes, position + LENGTH_AT) !== size) return false
  if (readInt32(bytes, position + RECORD_COUNT_AT) !== 0) return false
  return readInt32(bytes, position + CRC_AT) === (~batchChecksum(bytes, position, RECORDS_AT) | 0)
}

/**
 * Makes `nowMs` the time of every record in the batch, in its own bytes, and renews the CRC. For a batch
 * that was checked: a damaged one would look whole afterwards.
 *
 * @param nowMs milliseconds since the epoch
 * @throws TidemarkError CORRUPT_MESSAGE when the batch is incomplete
 * @throws RangeError when `nowMs` is no time
 */
export function stampLogAppendTime(bytes: Uint8Array, position: number, nowMs: number): void {
  const sizeBytes = batchSizeBytes(bytes, position)
  if (position + sizeBytes > bytes.length) throw incomplete(bytes, position)
  if (!Number.isSafeInteger(nowMs) || nowMs < 0) throw new RangeError(`${nowMs} is no time in milliseconds`)
  // The flags all lie in the lower of the two bytes.
  bytes[position + ATTRIBUTES_AT + 1]! |= LOG_APPEND_TIME_BIT
  writeInt64(bytes, position + MAX_TIMESTAMP_AT, nowMs)
  writeInt32(bytes, position + CRC_AT, batchChecksum(bytes, position, sizeBytes))
}

/**
 * Says who sends the batch, in its own bytes, and renews the CRC: a producer knows its number only when it sends
 * it. For a batch that was just encoded: a damaged one would look whole afterwards.
 *
 * @throws TidemarkError CORRUPT_MESSAGE when the batch is incomplete
 */
export function stampProducer(bytes: Uint8Array, position: number, producer: BatchProducer): void {
  const sizeBytes = batchSizeBytes(bytes, position)
  if (position + sizeBytes > bytes.length) throw incomplete(bytes, position)
  writeProducer(bytes, position, producer)
  writeInt32(bytes, position + CRC_AT, batchChecksum(bytes, position, sizeBytes))
}

/** As `stampProducer`, and leaves the CRC to the caller. */
export function writeProducer(bytes: Uint8Array, position: number, producer: BatchProducer): void {
  const { producerId, producerEpoch, baseSequence, isTransactional } = producer
  const isNone = producerId === NO_PRODUCER_ID
  writeInt32(bytes, position + PRODUCER_ID_AT, isNone ? -1 : Number(BigInt.asIntN(32, producerId >> 32n)))
  writeInt32(bytes, position + PRODUCER_ID_AT + 4, isNone ? -1 : Number(BigInt.asIntN(32, producerId)))
  writeInt16(bytes, position + PRODUCER_EPOCH_AT, producerEpoch)
  writeInt32(bytes, position + BASE_SEQUENCE_AT, baseSequence)
  if (isTransactional === undefined) return
  const others = readInt16(bytes, position + ATTRIBUTES_AT) & ~TRANSACTIONAL_BIT
  writeInt16(bytes, position + ATTRIBUTES_AT, others | (isTransactional ? TRANSACTIONAL_BIT : 0))
}

function checkMagic(bytes: Uint8Array, position: number): void {
  const magic = bytes[position + MAGIC_AT]!
  if (magic === MAGIC) return
  if (magic < MAGIC) {
    throw new TidemarkError(
      'INVALID_RECORD',
      `The records are in Kafka's old message format (magic ${magic}). Use a client that speaks Kafka 0.11 or newer.`,
    )
  }
  throw new DamagedBatch(
    `The batch at byte ${position} has magic ${magic} where 2 should stand`,
    'Send record batches of magic 2.',
  )
}

/**
 * Whether every offset that the batch covers has its record. A producer's batch does; of one that was compacted, records
 * are gone.
 */
export function isDense({ recordCount, lastOffsetDelta }: BatchHeader): boolean {
  return recordCount > 0 && recordCount === lastOffsetDelta + 1
}

/** @throws TidemarkError INVALID_RECORD for a batch with gaps: from a producer nobody takes one */
export function checkDense(header: BatchHeader): void {
  if (!isDense(header)) throw wrongCounts(header, 'Number its records from 0, without gaps')
}

function checkCounts(header: BatchHeader): void {
  const { recordCount, lastOffsetDelta, compression } = header
  if (recordCount < 0 || lastOffsetDelta < 0 || recordCount > lastOffsetDelta + 1) {
    throw wrongCounts(header, 'Number its records from 0')
  }
  if (recordCount > BATCH_RECORDS_MAX) {
    throw new TidemarkError(
      'RECORD_LIST_TOO_LARGE',
      `The batch says it has ${recordCount} records; ${BATCH_RECORDS_MAX} is the most. Send fewer records in a batch.`,
    )
  }
  const payloadBytes = header.sizeBytes - RECORDS_AT
  const leastBytes = compression === 'none' ? recordCount * RECORD_BYTES_MIN : Math.min(recordCount, 1)
  if (payloadBytes < leastBytes) {
    throw new TidemarkError(
      'INVALID_RECORD',
      `The batch says it has ${recordCount} records, which do not fit into its ${payloadBytes} bytes. The producer wrote it wrongly; use another client.`,
    )
  }
}

function wrongCounts({ recordCount, lastOffsetDelta }: BatchHeader, advice: string): TidemarkError {
  return new TidemarkError(
    'INVALID_RECORD',
    `The batch says it has ${recordCount} records and a last offset delta of ${lastOffsetDelta}. ${advice}.`,
  )
}

function readProducerId(bytes: Uint8Array, position: number): bigint {
  const high = readInt32(bytes, position)
  const low = readInt32(bytes, position + 4)
  // Most batches have none, and making a bigint costs more than the rest of the header.
  if (high === -1 && low === -1) return NO_PRODUCER_ID
  return (BigInt(high) << 32n) | BigInt(low >>> 0)
}

function incomplete(bytes: Uint8Array, position: number): TidemarkError {
  return new DamagedBatch(
    `At byte ${position} of ${bytes.length} there should be a whole record batch, and there is only a part`,
    'Send it whole.',
  )
}

function hex(crc: number): string {
  return `0x${crc.toString(16).padStart(8, '0')}`
}
