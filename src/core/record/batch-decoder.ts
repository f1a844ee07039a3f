import { TidemarkError } from '../errors.ts'
import { advance, type Offset, toOffset } from '../numbers.ts'
import { type BatchHeader, checkBatch, DamagedBatch } from './batch-header.ts'
import { RECORD_BYTES_MIN, RECORDS_AT } from './batch-layout.ts'
import { decompress } from './compression.ts'
import { BATCH_HEADERS_MAX, type LogRecord, type RecordHeader } from './record.ts'
import { readUtf8 } from './utf8.ts'
import { VarintReader } from './varint.ts'

/** What most records have; frozen, because all of them share it. */
const NO_HEADERS = Object.freeze([]) as unknown as RecordHeader[]
/** Views of nothing would be the larger part of a hostile batch's memory. */
const EMPTY = new Uint8Array(0)
/** A header has at least the two lengths of its name and its value. */
const HEADER_BYTES_MIN = 2
const NULL_LENGTH = -1

/**
 * Checks the batch at `position` as `checkBatch` does, then decodes its records; of a control batch, its
 * markers.
 *
 * @throws TidemarkError as `checkBatch`; INVALID_RECORD when the records are not as their header says;
 *   MESSAGE_TOO_LARGE when they would grow above DECOMPRESSED_BYTES_MAX
 */
export function decodeBatch(bytes: Uint8Array, position = 0): { header: BatchHeader; records: LogRecord[] } {
  const header = checkToRead(bytes, position)
  return { header, records: decodeChecked(header, bytes, position) }
}

/**
 * The records of a batch of which `checkBatch` gave this header.
 * @throws TidemarkError as `decodeBatch`, but for what the check finds
 */
export function decodeChecked(header: BatchHeader, bytes: Uint8Array, position: number): LogRecord[] {
  const records: LogRecord[] = []
  decodeInto(records, header, bytes, position)
  return records
}

/**
 * The records of a run of batches, one after the other until the end of `bytes`. Each batch may grow up
 * to DECOMPRESSED_BYTES_MAX; who reads runs from producers he does not trust decodes batch by batch.
 *
 * @throws TidemarkError as `decodeBatch`; CORRUPT_MESSAGE when the last batch is incomplete
 */
export function decodeBatches(bytes: Uint8Array): LogRecord[] {
  const records: LogRecord[] = []
  let position = 0
  while (position < bytes.length) {
    const header = checkToRead(bytes, position)
    decodeInto(records, header, bytes, position)
    position += header.sizeBytes
  }
  return records
}

/**
 * The first record in the batch at `position` that has this timestamp or a later one, and no offset below
 * `from`; or undefined.
 *
 * @param timestampMs milliseconds since the epoch
 * @throws TidemarkError as `decodeBatch`
 */
export function findTimestamp(
  bytes: Uint8Array,
  position: number,
  timestampMs: number,
  from: Offset = toOffset(0),
): { offset: Offset; timestampMs: number } | undefined {
  const header = checkToRead(bytes, position)
  // The index believes a batch's maximum as well, so it is no news to whoever asks.
  if (header.maxTimestamp < timestampMs) return undefined
  const baseOffset = toOffset(header.baseOffset)
  if (advance(baseOffset, header.lastOffsetDelta) < from) return undefined
  if (header.timestampType === 'LogAppendTime') {
    return { offset: toOffset(Math.max(baseOffset, from)), timestampMs: header.maxTimestamp }
  }
  const { reader, end } = openRecords(header, bytes, position)
  const { baseTimestamp } = header
  for (let offsetDelta = 0; offsetDelta < header.recordCount; offsetDelta++) {
    const recordEnd = readLength(reader, end)
    reader.position++ // attributes
    const timestamp = readTimestamp(reader, baseTimestamp, offsetDelta)
    if (reader.position > recordEnd) throw invalid(offsetDelta, 'is not as long as it says')
    const offset = advance(baseOffset, offsetDelta)
    if (timestamp >= timestampMs && offset >= from) return { offset, timestampMs: timestamp }
    reader.position = recordEnd
  }
  return undefined
}

/** Whoever reads a batch has not sent it. */
function checkToRead(bytes: Uint8Array, position: number): BatchHeader {
  try {
    return checkBatch(bytes, position)
  } catch (error) {
    if (!(error instanceof DamagedBatch)) throw error
    const message = `A batch to be read is damaged: ${error.damage}. Read it again; if it stays so, go on behind it.`
    throw new TidemarkError('CORRUPT_MESSAGE', message, 'no', { cause: error })
  }
}

function decodeInto(records: LogRecord[], header: BatchHeader, bytes: Uint8Array, position: number): void {
  const { reader, end } = openRecords(header, bytes, position)
  const { baseTimestamp, recordCount } = header
  const baseOffset = toOffset(header.baseOffset)
  const appendTime = header.timestampType === 'LogAppendTime' ? header.maxTimestamp : undefined
  let headersLeft = BATCH_HEADERS_MAX

  for (let offsetDelta = 0; offsetDelta < recordCount; offsetDelta++) {
    const recordEnd = readLength(reader, end)
    reader.position++ // attributes, of which a record has none yet
    const timestamp = readTimestamp(reader, baseTimestamp, offsetDelta)
    const delta = reader.readVarint()
    if (delta !== offsetDelta) throw invalid(offsetDelta, `has the offset delta ${delta}`)
    const key = readField(reader, recordEnd)
    const value = readField(reader, recordEnd)
    const headers = readHeaders(reader, recordEnd, headersLeft)
    headersLeft -= headers.length
    if (reader.position !== recordEnd) throw invalid(offsetDelta, 'is not as long as it says')
    records.push({
      offset: advance(baseOffset, offsetDelta),
      timestampMs: appendTime ?? timestamp,
      key,
      value,
      headers,
    })
  }
  if (reader.position !== end) {
    throw wrong(`After the batch's ${recordCount} records there are ${end - reader.position} bytes more.`)
  }
}

/** Decompresses the records, where they are, and checks that as many as claimed can be in them. */
function openRecords(
  header: BatchHeader,
  bytes: Uint8Array,
  position: number,
): { reader: VarintReader; end: number } {
  const start = position + RECORDS_AT
  const end = position + header.sizeBytes
  if (header.compression === 'none') return { reader: new VarintReader(bytes, start), end }
  const plain = decompress(header.compression, bytes.subarray(start, end))
  if (plain.length < header.recordCount * RECORD_BYTES_MIN) {
    throw wrong(
      `The batch says it has ${header.recordCount} records, which do not fit into ${plain.length} bytes.`,
    )
  }
  return { reader: new VarintReader(plain, 0), end: plain.length }
}

function readLength(reader: VarintReader, end: number): number {
  const length = reader.readVarint()
  if (length < RECORD_BYTES_MIN - 1 || length > end - reader.position) {
    throw wrong(`A record says it has ${length} bytes, which cannot be.`)
  }
  return reader.position + length
}

function readTimestamp(reader: VarintReader, baseTimestamp: number, offsetDelta: number): number {
  const timestamp = baseTimestamp + reader.readVarlong()
  if (!Number.isSafeInteger(timestamp)) throw invalid(offsetDelta, `has the timestamp ${timestamp}`)
  return timestamp
}

function readField(reader: VarintReader, end: number): Uint8Array | null {
  const length = reader.readVarint()
  if (length === NULL_LENGTH) return null
  const start = reader.position
  if (length < 0 || length > end - start) {
    throw wrong(`A key or value says it has ${length} bytes, which cannot be.`)
  }
  if (length === 0) return EMPTY
  reader.position = start + length
  const bytes = reader.bytes
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, length)
}

function readHeaders(reader: VarintReader, end: number, headersLeft: number): RecordHeader[] {
  const count = reader.readVarint()
  if (count === 0) return NO_HEADERS
  if (count < 0 || count * HEADER_BYTES_MIN > end - reader.position) {
    throw wrong(`A record says it has ${count} headers, which cannot be.`)
  }
  // A few kilobytes of zstd can say millions of empty headers, and each becomes an object here.
  if (count > headersLeft) {
    throw new TidemarkError(
      'INVALID_RECORD',
      `The batch has more than ${BATCH_HEADERS_MAX} headers. Send fewer records in a batch, or fewer headers.`,
    )
  }
  const headers: RecordHeader[] = []
  for (let index = 0; index < count; index++) {
    const keyBytes = reader.readVarint()
    const start = reader.position
    if (keyBytes < 0 || keyBytes > end - start) {
      throw wrong(`A header's name says it has ${keyBytes} bytes, which cannot be.`)
    }
    reader.position = start + keyBytes
    headers.push({ key: readUtf8(reader.bytes, start, start + keyBytes), value: readField(reader, end) })
  }
  return headers
}

function invalid(offsetDelta: number, what: string): TidemarkError {
  return wrong(`Record ${offsetDelta} of the batch ${what}.`)
}

function wrong(what: string): TidemarkError {
  return new TidemarkError(
    'INVALID_RECORD',
    `${what} The CRC is right, so the producer wrote it so; use another client.`,
  )
}
