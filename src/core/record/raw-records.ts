import { DECOMPRESSED_BYTES_MAX } from '../limits.ts'
import { advance, type Offset, toOffset } from '../numbers.ts'
import type { BatchHeader } from './batch-header.ts'
import { RECORDS_AT } from './batch-layout.ts'
import { decompress } from './decompression.ts'
import { checkRoom, RecordFields, readField, readLength, trailingBytes } from './record-fields.ts'
import { VarintReader, varintSizeBytes, writeVarint } from './varint.ts'

/** A record as it lies in its batch's records: what it takes to decide on it, and to copy it. */
export interface RawRecord {
  readonly offset: Offset
  readonly timestampMs: number
  /** A view of the batch's records. */
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

/**
 * Walks the records of a batch without making anything of their values and headers.
 * @param plain as `plainRecords` gives them
 * @throws TidemarkError INVALID_RECORD when they are not as their header says, once those before were given
 */
export function* rawRecords(header: BatchHeader, plain: Uint8Array): Generator<RawRecord> {
  const reader = new VarintReader(plain, 0)
  const fields = new RecordFields(header)
  for (let index = 0; index < header.recordCount; index++) {
    const start = reader.position
    const end = readLength(reader, plain.length)
    const timestampMs = fields.readTime(reader, end, index)
    const offset = advance(toOffset(header.baseOffset), fields.nextDelta - 1)
    const key = readField(reader, end)
    const isTombstone = readField(reader, end) === null
    yield { offset, timestampMs, key, isTombstone, start, end }
    reader.position = end
  }
  if (reader.position !== plain.length) {
    throw trailingBytes(header.recordCount, plain.length - reader.position)
  }
}

/** The bytes of a record with another offset delta. */
export function withDelta(plain: Uint8Array, { start, end }: RawRecord, delta: number): Uint8Array {
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
