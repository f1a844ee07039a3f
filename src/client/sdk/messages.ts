import { TidemarkError } from '../../core/errors.ts'
import { toWholeNumber, wholeNumberWords } from '../../core/numbers.ts'
import type { LogRecord, RecordHeader, RecordInput } from '../../core/record/record.ts'
import { checkPartition, given } from './arguments.ts'

/** Text is written as UTF-8. */
export type Bytes = Uint8Array | string

/** Names and values; a list where a name comes several times. Null is no value, and not an empty one. */
export interface MessageHeaders {
  [name: string]: Bytes | null | (Bytes | null)[] | undefined
}

/** What a producer sends: KafkaJS's shape. */
export interface Message {
  key?: Bytes | null
  value: Bytes | null
  /** Left out: the partition of the key; without a key one that stays the same for a batch. */
  partition?: number
  headers?: MessageHeaders
  /** Milliseconds since the epoch; now when it is left out. */
  timestamp?: string | number
}

/** What a consumer gets: KafkaJS's shape. The bytes are views of the batch they came in. */
export interface ConsumedMessage {
  key: Buffer | null
  value: Buffer | null
  /** Milliseconds since the epoch, in digits. */
  timestamp: string
  attributes: number
  /** In digits. */
  offset: string
  /** Null where a header has no value. */
  headers: { [name: string]: Buffer | null | (Buffer | null)[] | undefined }
}

/** @throws TidemarkError INVALID_TIMESTAMP, INVALID_RECORD */
export function toRecord(message: Message, nowMs: number): RecordInput {
  const { key, value, headers, timestamp, partition } = given(message, 'a message')
  if (partition != null) checkPartition(partition)
  if (value === undefined) {
    throw new TidemarkError('INVALID_RECORD', 'A message has no value. Give null for a tombstone.')
  }
  const timestampMs = timestamp === undefined ? nowMs : toWholeNumber(timestamp)
  if (timestampMs === undefined) {
    throw new TidemarkError(
      'INVALID_TIMESTAMP',
      `A message has the timestamp ${JSON.stringify(timestamp)}. Give ${wholeNumberWords({}, 'milliseconds')}, since 1970.`,
    )
  }
  return {
    key: key == null ? null : toBytes(key),
    value: value === null ? null : toBytes(value),
    timestampMs,
    ...(headers && { headers: toHeaders(headers) }),
  }
}

/** The message of a record that was read. */
export function toMessage(record: LogRecord): ConsumedMessage {
  const headers: ConsumedMessage['headers'] = {}
  for (const { key, value } of record.headers) addHeader(headers, key, toBuffer(value))
  return {
    key: toBuffer(record.key),
    value: toBuffer(record.value),
    timestamp: String(record.timestampMs),
    attributes: 0,
    offset: String(record.offset),
    headers,
  }
}

function toHeaders(headers: MessageHeaders): RecordHeader[] {
  given(headers, 'headers by their names')
  return Object.entries(headers).flatMap(([key, value]) => {
    const values = Array.isArray(value) ? value : value === undefined ? [] : [value]
    return values.map(each => ({ key, value: each === null ? null : toBytes(each) }))
  })
}

function addHeader(headers: ConsumedMessage['headers'], name: string, value: Buffer | null): void {
  const before = Object.hasOwn(headers, name) ? headers[name] : undefined
  const all = before === undefined ? value : Array.isArray(before) ? [...before, value] : [before, value]
  // Defined and not assigned: a record may name a header __proto__.
  Object.defineProperty(headers, name, { value: all, enumerable: true, configurable: true, writable: true })
}

function toBytes(value: Bytes): Uint8Array {
  if (typeof value === 'string') return Buffer.from(value)
  if (value instanceof Uint8Array) return value
  throw new TidemarkError(
    'INVALID_RECORD',
    'Keys, values and headers are bytes or text: convert others before.',
  )
}

function toBuffer(bytes: Uint8Array | null): Buffer | null {
  return bytes && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
