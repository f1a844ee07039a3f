import { DECOMPRESSED_BYTES_MAX } from '../limits.ts'

import { advance, type Offset, toOffset } from '../numbers.ts'
import type { BatchHeader } from './batch-header.ts'
import { RECORDS_AT } from './batch-layout.ts'
import { decompress } from './decompression.ts'
import { checkRoom, RecordFields, readFieldLength, readLength, trailingBytes } from './record-fields.ts'
import { VarintReader, varintSizeBytes, writeVarint } from './varint.ts'

/** A record as it lies in its batch's records: what it takes to decide on it, and to copy it. */
export interface RawRecord {
  readonly offset: Offset
  readonly timestampMs: number
  /** Its bytes are others with the next record. */
  readonly key: Uint8Array | null
  /** Whether its value is null: it says that there is no value of its key any more. */
  readonly isTombstone: boolean
  /** Where its own length begins, and where it ends. */
  readonly start: number
  readonly end: number
}

/**
 * The records of a batch as they were before they were compressed: a view where they were not.
 * @throws TidemarkError INVALID_RECORD, MESSAGE_TOO_LARGE, UNSUPPORTED_COMPRESSION_TYPE
 */
export function plainRecords(header: BatchHeader, bytes: Uint8Array, position: number): Uint8Array {
  const stored = bytes.subarray(position + RECORDS_AT, position + header.sizeBytes)
  const plain = decompress(header.compression, stored, DECOMPRESSED_BYTES_MAX)
  checkRoom(header, plain.length)
  return plain
}

/** A view of a longer key costs less than its copy. */
const KEPT_KEY_BYTES_MAX = 256

/**
 * Walks the records of a batch without making anything of their values and headers. Of millions of records, objects for each
 * would be most of what a cleaner takes: so they are the same ones each time.
 */
export class RawRecords {
  readonly #header: BatchHeader
  readonly #fields: RecordFields
  readonly #reader: VarintReader
  readonly #record: { -readonly [Member in keyof RawRecord]: RawRecord[Member] }
  /** Memory for keys that are short, and a view of it for each length that was met. */
  readonly #keys = new Uint8Array(KEPT_KEY_BYTES_MAX)
  readonly #keyViews: (Uint8Array | undefined)[] = []
  #index = 0

  /** @param plain as `plainRecords` gives them */
  constructor(header: BatchHeader, plain: Uint8Array) {
    this.#header = header
    this.#fields = new RecordFields(header)
    this.#reader = new VarintReader(plain, 0)
    this.#record = { offset: toOffset(0), timestampMs: 0, key: null, isTombstone: false, start: 0, end: 0 }
  }

  /**
   * The next record, which is as it is until the next call; undefined at the end.
   * @throws TidemarkError INVALID_RECORD when they are not as their header says
   */
  next(): RawRecord | undefined {
    const { recordCount, baseOffset } = this.#header
    const reader = this.#reader
    const end = reader.bytes.length
    if (this.#index === recordCount) {
      if (reader.position !== end) throw trailingBytes(recordCount, end - reader.position)
      return undefined
    }
    const record = this.#record
    record.start = reader.position
    record.end = readLength(reader, end)
    record.timestampMs = this.#fields.readTime(reader, record.end, this.#index)
    record.offset = advance(toOffset(baseOffset), this.#fields.nextDelta - 1)
    record.key = this.#readKey(reader, record.end)
    record.isTombstone = readFieldLength(reader, record.end) === undefined
    reader.position = record.end
    this.#index += 1
    return record
  }

  #readKey(reader: VarintReader, recordEnd: number): Uint8Array | null {
    const length = readFieldLength(reader, recordEnd)
    if (length === undefined) return null
    const { bytes, position } = reader
    reader.position = position + length
    if (length > KEPT_KEY_BYTES_MAX) return bytes.subarray(position, position + length)
    for (let at = 0; at < length; at++) this.#keys[at] = bytes[position + at]!
    this.#keyViews[length] ??= this.#keys.subarray(0, length)
    return this.#keyViews[length]
  }
}

/** The bytes of the record that lies there, with another offset delta. */
export function withDelta(plain: Uint8Array, start: number, end: number, delta: number): Uint8Array {
  const reader = new VarintReader(plain, start)
  reader.readVarint()
  const bodyAt = reader.position
  reader.position++ // attributes
  reader.readVarlong()
  const deltaAt = reader.position
  reader.readVarint()
  const keyAt = reader.position
  const bodyBytes = deltaAt - bodyAt + varintSizeBytes(delta) + end - keyAt
  const bytes = new Uint8Array(varintSizeBytes(bodyBytes) + bodyBytes)
  const at = writeVarint(bytes, 0, bodyBytes)
  bytes.set(plain.subarray(bodyAt, deltaAt), at)
  bytes.set(plain.subarray(keyAt, end), writeVarint(bytes, at + deltaAt - bodyAt, delta))
  return bytes
}
