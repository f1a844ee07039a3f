/**
 * Where the fields of Kafka's RecordBatch (magic 2) stand, in bytes from the batch's beginning, and how
 * its big-endian integers are read.
 * Source: org.apache.kafka.common.record.DefaultRecordBatch.
 */
export const BASE_OFFSET_AT = 0
export const LENGTH_AT = 8
export const LEADER_EPOCH_AT = 12
export const MAGIC_AT = 16
export const CRC_AT = 17
/** The CRC covers everything from here to the batch's end. */
export const ATTRIBUTES_AT = 21
export const LAST_OFFSET_DELTA_AT = 23
export const BASE_TIMESTAMP_AT = 27
export const MAX_TIMESTAMP_AT = 35
export const PRODUCER_ID_AT = 43
export const PRODUCER_EPOCH_AT = 51
export const BASE_SEQUENCE_AT = 53
export const RECORD_COUNT_AT = 57
/** Here the header ends and the records begin. */
export const RECORDS_AT = 61

/** The base offset and the length itself, which the length field does not count. */
export const LENGTH_EXCLUDED_BYTES = 12
export const MAGIC = 2

export const COMPRESSION_BITS = 0b111
export const LOG_APPEND_TIME_BIT = 1 << 3
export const TRANSACTIONAL_BIT = 1 << 4
export const CONTROL_BIT = 1 << 5

/** Length, attributes, timestamp delta, offset delta, key length, value length, header count: a byte each. */
export const RECORD_BYTES_MIN = 7

const TWO_TO_32 = 2 ** 32

export function readInt16(bytes: Uint8Array, position: number): number {
  return ((bytes[position]! << 24) >> 16) | bytes[position + 1]!
}

export function writeInt16(bytes: Uint8Array, position: number, value: number): void {
  bytes[position] = value >>> 8
  bytes[position + 1] = value
}

export function readInt32(bytes: Uint8Array, position: number): number {
  return (
    (bytes[position]! << 24) |
    (bytes[position + 1]! << 16) |
    (bytes[position + 2]! << 8) |
    bytes[position + 3]!
  )
}

export function writeInt32(bytes: Uint8Array, position: number, value: number): void {
  bytes[position] = value >>> 24
  bytes[position + 1] = value >>> 16
  bytes[position + 2] = value >>> 8
  bytes[position + 3] = value
}

/** As LZ4 has them. */
export function writeInt32LittleEndian(bytes: Uint8Array, position: number, value: number): void {
  bytes[position] = value
  bytes[position + 1] = value >>> 8
  bytes[position + 2] = value >>> 16
  bytes[position + 3] = value >>> 24
}

/** Exact where the value is a safe integer; any other value comes out as a number that is not safe either. */
export function readInt64(bytes: Uint8Array, position: number): number {
  return readInt32(bytes, position) * TWO_TO_32 + (readInt32(bytes, position + 4) >>> 0)
}

/** @param value a safe integer, of either sign */
export function writeInt64(bytes: Uint8Array, position: number, value: number): void {
  const high = Math.floor(value / TWO_TO_32)
  writeInt32(bytes, position, high)
  writeInt32(bytes, position + 4, value - high * TWO_TO_32)
}
