import { BATCH_RECORDS_MAX } from '../limits.ts'
import type { Offset } from '../numbers.ts'

/** Headers in one batch, all its records together: an object each when decoded, as a record is. */
export const BATCH_HEADERS_MAX = BATCH_RECORDS_MAX

/** A name and a value beside a record's key and value; names may repeat. */
export interface RecordHeader {
  key: string
  value: Uint8Array | null
}

/** What a producer gives. A missing key or value is null. */
export interface RecordInput {
  key?: Uint8Array | null
  value?: Uint8Array | null
  headers?: readonly RecordHeader[]
  /** Milliseconds since the epoch. */
  timestampMs?: number
}

/**
 * What a consumer gets. Key, value and header values are views of the batch they came in (or of its
 * decompressed form) and keep it in memory: copy what is to be kept for long.
 */
export interface LogRecord {
  offset: Offset
  /** Milliseconds since the epoch; -1 when the producer gave none. */
  timestampMs: number
  key: Uint8Array | null
  value: Uint8Array | null
  headers: RecordHeader[]
}
