import { TidemarkError } from '../errors.ts'
import { advance, type Offset, toOffset } from '../numbers.ts'
import type { BatchHeader } from './batch-header.ts'
import { RECORD_BYTES_MIN } from './batch-layout.ts'
import { BATCH_HEADERS_MAX, type LogRecord, type RecordHeader } from './record.ts'
import { readUtf8 } from './utf8.ts'
import type { VarintReader } from './varint.ts'

/** What most records have; frozen, because all of them share it. */
const NO_HEADERS = Object.freeze([]) as unknown as RecordHeader[]
/** Views of nothing would be the larger part of a hostile batch's memory. */
const EMPTY = new Uint8Array(0)
/** A header has at least the two lengths of its name and its value. */
const HEADER_BYTES_MIN = 2
const NULL_LENGTH = -1

/** Reads the records of one batch, one by one: all but the length in front of each. */
export class RecordFields {
  readonly #baseOffset: Offset
  readonly #baseTimestamp: number
  readonly #appendTime: number | undefined
  readonly #recordHeadersMax: number
  /** How many of the offsets that the batch covers have no record. */
  readonly #gaps: number
  /** The lowest offset delta that the next record can have: behind the last one that was read, or passed over. */
  nextDelta = 0
  #headersLeft = BATCH_HEADERS_MAX

  /** @param recordHeadersMax what one record may have */
  constructor(header: BatchHeader, recordHeadersMax: number = BATCH_HEADERS_MAX) {
    const { baseOffset, baseTimestamp, timestampType, maxTimestamp, lastOffsetDelta, recordCount } = header
    this.#gaps = lastOffsetDelta + 1 - recordCount
    this.#recordHeadersMax = recordHeadersMax
    this.#baseOffset = toOffset(baseOffset)
    this.#baseTimestamp = baseTimestamp
    this.#appendTime = timestampType === 'LogAppendTime' ? maxTimestamp : undefined
  }

  /**
   * @param recordEnd as `readLength` tells
   * @param index how many records of the batch lie before it
   * @throws TidemarkError INVALID_RECORD when it is not as it says
   */
  read(reader: VarintReader, recordEnd: number, index: number): LogRecord {
    reader.position++ // attributes, of which a record has none yet
    const timestamp = readTimestamp(reader, this.#baseTimestamp, index)
    const delta = this.#readDelta(reader, index)
    const key = readField(reader, recordEnd)
    const value = readField(reader, recordEnd)
    const count = readHeaderCount(reader, recordEnd, this.#headersLeft)
    if (count > this.#recordHeadersMax) {
      throw new RecordTooLarge(this.#offsetAt(delta), `${count} headers`, `${this.#recordHeadersMax}`)
    }
    const headers = count === 0 ? NO_HEADERS : readHeaders(reader, recordEnd, count)
    this.#headersLeft -= headers.length
    if (reader.position !== recordEnd) throw invalid(index, 'is not as long as it says')
    this.nextDelta = delta + 1
    return {
      offset: this.#offsetAt(delta),
      timestampMs: this.#appendTime ?? timestamp,
      key,
      value,
      headers,
    }
  }

  /** The record without its key, value and headers, which need not be there. */
  readBrief(reader: VarintReader, recordEnd: number, index: number): LogRecord {
    const timestampMs = this.readTime(reader, recordEnd, index)
    const offset = this.#offsetAt(this.nextDelta - 1)
    return { offset, timestampMs, key: null, value: null, headers: NO_HEADERS }
  }

  /** The record's timestamp alone; `nextDelta` lies behind it then. */
  readTime(reader: VarintReader, recordEnd: number, index: number): number {
    reader.position++ // attributes
    const timestamp = readTimestamp(reader, this.#baseTimestamp, index)
    const delta = this.#readDelta(reader, index)
    if (reader.position > recordEnd) throw invalid(index, 'is not as long as it says')
    this.nextDelta = delta + 1
    return this.#appendTime ?? timestamp
  }

  /** The offset delta of the record that begins here, which is not read yet. */
  peekDelta(reader: VarintReader, recordEnd: number, index: number): number {
    const start = reader.position++
    readTimestamp(reader, this.#baseTimestamp, index)
    const delta = this.#readDelta(reader, index)
    if (reader.position > recordEnd) throw invalid(index, 'is not as long as it says')
    reader.position = start
    return delta
  }

  /** They ascend, and leave room for the records that follow: where there are no gaps, each is the record's own number. */
  #readDelta(reader: VarintReader, index: number): number {
    const delta = reader.readVarint()
    const isPossible = delta >= index && delta >= this.nextDelta && delta <= index + this.#gaps
    if (!isPossible) throw invalid(index, `has the offset delta ${delta}`)
    return delta
  }

  #offsetAt(offsetDelta: number): Offset {
    return advance(this.#baseOffset, offsetDelta)
  }
}

/** A record that has more than was asked for. */
export class RecordTooLarge extends TidemarkError {
  readonly offset: Offset
  /** All of it; 0 where it is something else that it has too much of. */
  readonly recordBytes: number

  constructor(offset: Offset, has: string, limit: string, recordBytes = 0) {
    super('MESSAGE_TOO_LARGE', `The record at offset ${offset} has ${has}; ${limit} is the most here.`)
    this.offset = offset
    this.recordBytes = recordBytes
  }
}

/** @throws TidemarkError INVALID_RECORD when the batch's records do not fit into so many bytes */
export function checkRoom({ recordCount }: BatchHeader, bytes: number): void {
  if (bytes >= recordCount * RECORD_BYTES_MIN) return
  throw wrong(`The batch says it has ${recordCount} records, which do not fit into ${bytes} bytes.`)
}

export function trailingBytes(recordCount: number, bytes: number): TidemarkError {
  return wrong(`After the batch's ${recordCount} records there are ${bytes} bytes more.`)
}

/** Where the record ends that begins here, behind the length that is read. */
export function readLength(reader: VarintReader, end: number): number {
  const length = reader.readVarint()
  if (length < RECORD_BYTES_MIN - 1 || length > end - reader.position) throw wrongLength(length)
  return reader.position + length
}

export function wrongLength(length: number): TidemarkError {
  return wrong(`A record says it has ${length} bytes, which cannot be.`)
}

function readTimestamp(reader: VarintReader, baseTimestamp: number, index: number): number {
  const timestamp = baseTimestamp + reader.readVarlong()
  if (!Number.isSafeInteger(timestamp)) throw invalid(index, `has the timestamp ${timestamp}`)
  return timestamp
}

/** How long the key or value is that begins here; undefined where it is null. Passes its length only. */
export function readFieldLength(reader: VarintReader, end: number): number | undefined {
  const length = reader.readVarint()
  if (length === NULL_LENGTH) return undefined
  if (length >= 0 && length <= end - reader.position) return length
  throw wrong(`A key or value says it has ${length} bytes, which cannot be.`)
}

/** A key or a value. */
function readField(reader: VarintReader, end: number): Uint8Array | null {
  const length = readFieldLength(reader, end)
  if (length === undefined) return null
  if (length === 0) return EMPTY
  const start = reader.position
  reader.position = start + length
  const bytes = reader.bytes
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, length)
}

/** Before they are read, so that too many of them are none. */
function readHeaderCount(reader: VarintReader, end: number, headersLeft: number): number {
  const count = reader.readVarint()
  if (count === 0) return 0
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
  return count
}

function readHeaders(reader: VarintReader, end: number, count: number): RecordHeader[] {
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

function invalid(index: number, what: string): TidemarkError {
  return wrong(`Record ${index} of the batch ${what}.`)
}

function wrong(what: string): TidemarkError {
  return new TidemarkError(
    'INVALID_RECORD',
    `${what} The CRC is right, so the producer wrote it so; use another client.`,
  )
}
