import { TidemarkError } from '../errors.ts'
import { BATCH_BYTES_MAX, BATCH_RECORDS_MAX, DECOMPRESSED_BYTES_MAX } from '../limits.ts'
import { NO_PRODUCER_ID, writeProducer } from './batch-header.ts'
import {
  ATTRIBUTES_AT,
  BASE_OFFSET_AT,
  BASE_TIMESTAMP_AT,
  CRC_AT,
  LAST_OFFSET_DELTA_AT,
  LEADER_EPOCH_AT,
  LENGTH_AT,
  LENGTH_EXCLUDED_BYTES,
  MAGIC,
  MAGIC_AT,
  MAX_TIMESTAMP_AT,
  RECORD_COUNT_AT,
  RECORDS_AT,
  writeInt16,
  writeInt32,
  writeInt64,
} from './batch-layout.ts'
import { batchChecksum } from './checksum.ts'
import { compress } from './compression.ts'
import { type CompressionName, compressionCode } from './compression-name.ts'
import { BATCH_HEADERS_MAX, type RecordHeader, type RecordInput } from './record.ts'
import { utf8SizeBytes, writeUtf8 } from './utf8.ts'
import { varintSizeBytes, varlongSizeBytes, writeVarint, writeVarlong } from './varint.ts'

interface EncodeOptions {
  /** None by default. */
  compression?: CompressionName
  /** The first record's offset, 0 by default: the broker sets the real one. */
  baseOffset?: number
  /** Milliseconds since the epoch, for records that have no timestamp of their own. */
  nowMs?: number
  /** -1, the default, is a producer that is not idempotent. */
  producerId?: bigint
  producerEpoch?: number
  baseSequence?: number
}

const NO_LEADER_EPOCH = -1
const NO_PRODUCER_EPOCH = -1
const NO_SEQUENCE = -1
/** A null key, value or header value. */
const NULL_LENGTH = -1

/**
 * One record batch of these records, in this order. Small ones share the memory of Node's buffer pool:
 * use the array, never its `buffer`.
 *
 * @throws TidemarkError INVALID_RECORD when there is no record; INVALID_TIMESTAMP when a record has no
 *   timestamp and no `nowMs` is given, or one that is no time; MESSAGE_TOO_LARGE or
 *   RECORD_LIST_TOO_LARGE when no broker would take the batch; UNSUPPORTED_COMPRESSION_TYPE
 * @throws RangeError when the first or the last record's offset is none
 */
export function encodeBatch(records: readonly RecordInput[], options: EncodeOptions = {}): Uint8Array {
  const { compression = 'none', baseOffset = 0, nowMs } = options
  checkCount(records.length)
  if (
    !Number.isSafeInteger(baseOffset) ||
    baseOffset < 0 ||
    !Number.isSafeInteger(baseOffset + (records.length - 1))
  ) {
    throw new RangeError(`a batch of ${records.length} records cannot begin at the offset ${baseOffset}`)
  }
  const code = compressionCode(compression)

  const baseTimestamp = timestampOf(records[0]!, nowMs)
  let maxTimestamp = baseTimestamp
  let recordsBytes = 0
  let headerCount = 0
  for (let delta = 0; delta < records.length; delta++) {
    const record = records[delta]!
    const timestamp = timestampOf(record, nowMs)
    if (timestamp > maxTimestamp) maxTimestamp = timestamp
    if (record.headers !== undefined) headerCount += record.headers.length
    const bodyBytes = bodySizeBytes(record, timestamp - baseTimestamp, delta)
    recordsBytes += varintSizeBytes(bodyBytes) + bodyBytes
    // Inside the loop, so that a length never leaves the 31 bits that its varint has.
    if (recordsBytes > DECOMPRESSED_BYTES_MAX) throw tooLarge(recordsBytes, DECOMPRESSED_BYTES_MAX)
  }

  if (headerCount > BATCH_HEADERS_MAX) {
    throw new TidemarkError(
      'RECORD_LIST_TOO_LARGE',
      `A batch with ${headerCount} headers is too long; ${BATCH_HEADERS_MAX} is the most. Make several batches.`,
    )
  }

  let batch: Uint8Array
  if (compression === 'none') {
    checkSize(RECORDS_AT + recordsBytes)
    batch = allocate(RECORDS_AT + recordsBytes)
    writeRecords(batch, RECORDS_AT, records, baseTimestamp, nowMs)
  } else {
    const plain = allocate(recordsBytes)
    writeRecords(plain, 0, records, baseTimestamp, nowMs)
    const payload = compress(compression, plain)
    checkSize(RECORDS_AT + payload.length)
    batch = allocate(RECORDS_AT + payload.length)
    batch.set(payload, RECORDS_AT)
  }

  writeInt64(batch, BASE_OFFSET_AT, baseOffset)
  writeInt32(batch, LENGTH_AT, batch.length - LENGTH_EXCLUDED_BYTES)
  writeInt32(batch, LEADER_EPOCH_AT, NO_LEADER_EPOCH)
  batch[MAGIC_AT] = MAGIC
  writeInt16(batch, ATTRIBUTES_AT, code)
  writeInt32(batch, LAST_OFFSET_DELTA_AT, records.length - 1)
  writeInt64(batch, BASE_TIMESTAMP_AT, baseTimestamp)
  writeInt64(batch, MAX_TIMESTAMP_AT, maxTimestamp)
  writeProducer(batch, 0, {
    producerId: options.producerId ?? NO_PRODUCER_ID,
    producerEpoch: options.producerEpoch ?? NO_PRODUCER_EPOCH,
    baseSequence: options.baseSequence ?? NO_SEQUENCE,
  })
  writeInt32(batch, RECORD_COUNT_AT, records.length)
  writeInt32(batch, CRC_AT, batchChecksum(batch, 0, batch.length))
  return batch
}

/** Everything of a record but the length in front, which depends on it. */
function bodySizeBytes(record: RecordInput, timestampDelta: number, offsetDelta: number): number {
  return (
    1 +
    varlongSizeBytes(timestampDelta) +
    varintSizeBytes(offsetDelta) +
    fieldSizeBytes(record.key) +
    fieldSizeBytes(record.value) +
    (record.headers === undefined ? 1 : headersSizeBytes(record.headers))
  )
}

function fieldSizeBytes(field: Uint8Array | null | undefined): number {
  return field == null ? 1 : varintSizeBytes(field.length) + field.length
}

function headersSizeBytes(headers: readonly RecordHeader[]): number {
  let size = varintSizeBytes(headers.length)
  for (const header of headers) {
    const keyBytes = utf8SizeBytes(header.key)
    size += varintSizeBytes(keyBytes) + keyBytes + fieldSizeBytes(header.value)
  }
  return size
}

function writeRecords(
  bytes: Uint8Array,
  start: number,
  records: readonly RecordInput[],
  baseTimestamp: number,
  nowMs: number | undefined,
): void {
  let position = start
  for (let offsetDelta = 0; offsetDelta < records.length; offsetDelta++) {
    const record = records[offsetDelta]!
    const timestampDelta = timestampOf(record, nowMs) - baseTimestamp
    position = writeVarint(bytes, position, bodySizeBytes(record, timestampDelta, offsetDelta))
    bytes[position++] = 0 // attributes, of which a record has none yet
    position = writeVarlong(bytes, position, timestampDelta)
    position = writeVarint(bytes, position, offsetDelta)
    position = writeField(bytes, position, record.key)
    position = writeField(bytes, position, record.value)
    if (record.headers === undefined) bytes[position++] = 0
    else position = writeHeaders(bytes, position, record.headers)
  }
}

function writeField(bytes: Uint8Array, position: number, field: Uint8Array | null | undefined): number {
  if (field == null) return writeVarint(bytes, position, NULL_LENGTH)
  const start = writeVarint(bytes, position, field.length)
  bytes.set(field, start)
  return start + field.length
}

function writeHeaders(bytes: Uint8Array, position: number, headers: readonly RecordHeader[]): number {
  let next = writeVarint(bytes, position, headers.length)
  for (const header of headers) {
    const keyBytes = utf8SizeBytes(header.key)
    next = writeVarint(bytes, next, keyBytes)
    writeUtf8(bytes, next, header.key, keyBytes)
    next = writeField(bytes, next + keyBytes, header.value)
  }
  return next
}

function timestampOf(record: RecordInput, nowMs: number | undefined): number {
  const timestamp = record.timestampMs ?? nowMs
  if (timestamp !== undefined && Number.isSafeInteger(timestamp) && timestamp >= 0) return timestamp
  throw new TidemarkError(
    'INVALID_TIMESTAMP',
    timestamp === undefined
      ? 'A record has no timestamp. Give it timestampMs, or give the batch nowMs.'
      : `A record has the timestamp ${timestamp}. Give whole milliseconds since 1970.`,
  )
}

/** Memory from Node's pool, which is not cleared: every byte of it gets written. */
function allocate(sizeBytes: number): Uint8Array {
  const memory = Buffer.allocUnsafe(sizeBytes)
  return new Uint8Array(memory.buffer, memory.byteOffset, sizeBytes)
}

function checkCount(records: number): void {
  if (records === 0) {
    throw new TidemarkError('INVALID_RECORD', 'A batch without records cannot be. Give at least one record.')
  }
  if (records > BATCH_RECORDS_MAX) {
    throw new TidemarkError(
      'RECORD_LIST_TOO_LARGE',
      `A batch of ${records} records is too long; ${BATCH_RECORDS_MAX} is the most. Make several batches.`,
    )
  }
}

function checkSize(sizeBytes: number): void {
  if (sizeBytes > BATCH_BYTES_MAX) throw tooLarge(sizeBytes, BATCH_BYTES_MAX)
}

function tooLarge(sizeBytes: number, limitBytes: number): TidemarkError {
  return new TidemarkError(
    'MESSAGE_TOO_LARGE',
    `A batch of ${sizeBytes} bytes is too large; ${limitBytes} is the most. Make several batches, or smaller records.`,
  )
}
