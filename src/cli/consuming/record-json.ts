import { isUtf8 } from 'node:buffer'
import { base64StringPieces, jsonStringPieces } from '../../core/json-pieces.ts'
import type { LogRecord, RecordHeader, RecordInput } from '../../core/record/record.ts'
import { CommandFailure } from '../output/failure.ts'
import type { ConsumedRecord, FormatRecord } from './consumed-record.ts'

/** What a line says of a record that is to be written. Where it lay, but for the partition, counts no more. */
export interface JsonRecord {
  topic: string | undefined
  partition: number | undefined
  record: RecordInput
}

/** Of a record, and of a header: what `formatJsonLine` writes, and nothing besides, or a slip would lose a value. */
const RECORD_NAMES = new Set(
  'topic partition generation offset timestampMs key keyBase64 value valueBase64 headers'.split(' '),
)
const HEADER_NAMES = new Set(['key', 'value', 'valueBase64'])
const NO_TIMESTAMP = -1
/** Above this, a line is made piece by piece. */
const LARGE_BYTES = 1024 * 1024
const text = new TextDecoder('utf-8', { fatal: true })

/**
 * One JSON object a line, without loss: bytes that are UTF-8 stand as text under `key` and `value`, others
 * as base64 under `keyBase64` and `valueBase64`; null is null.
 */
export const formatJsonLine: FormatRecord = consumed =>
  isLarge(consumed.record) ? largeLine(consumed) : [Buffer.from(`${JSON.stringify(toJson(consumed))}\n`)]

function isLarge({ key, value, headers }: LogRecord): boolean {
  let bytes = (key?.length ?? 0) + (value?.length ?? 0)
  for (const header of headers) bytes += header.value?.length ?? 0
  return bytes > LARGE_BYTES
}

/** The same line; a string could not hold the largest. */
function* largeLine({ record, ...place }: ConsumedRecord): Generator<Uint8Array> {
  const { offset, timestampMs, key, value, headers } = record
  yield Buffer.from(JSON.stringify({ ...place, offset, timestampMs }).slice(0, -1))
  yield* memberPieces('key', key)
  yield* memberPieces('value', value)
  yield Buffer.from(',"headers":[')
  for (const [index, header] of headers.entries()) {
    yield Buffer.from(`${index > 0 ? ',' : ''}{"key":${JSON.stringify(header.key)}`)
    yield* memberPieces('value', header.value)
    yield Buffer.from('}')
  }
  yield Buffer.from(']}\n')
}

function* memberPieces(name: string, bytes: Uint8Array | null): Generator<Uint8Array> {
  if (bytes === null) {
    yield Buffer.from(`,"${name}":null`)
    return
  }
  const isText = isUtf8(bytes)
  yield Buffer.from(`,"${isText ? name : `${name}Base64`}":`)
  for (const piece of isText ? jsonStringPieces(bytes) : base64StringPieces(bytes)) yield Buffer.from(piece)
}

function toJson({ topic, partition, generation, record }: ConsumedRecord): Record<string, unknown> {
  return {
    topic,
    partition,
    ...(generation === undefined ? {} : { generation }),
    offset: record.offset,
    timestampMs: record.timestampMs,
    ...bytesToJson('key', record.key),
    ...bytesToJson('value', record.value),
    headers: record.headers.map(({ key, value }) => ({ key, ...bytesToJson('value', value) })),
  }
}

function bytesToJson(name: string, bytes: Uint8Array | null): Record<string, string | null> {
  if (bytes === null) return { [name]: null }
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return isUtf8(buffer)
    ? { [name]: buffer.toString('utf8') }
    : { [`${name}Base64`]: buffer.toString('base64') }
}

/**
 * Reads what `formatJsonLine` wrote. A key that is missing is null, and so are headers none; a value has to be there.
 * @throws CommandFailure, which says what is wrong in the line
 */
export function parseJsonLine(line: Uint8Array): JsonRecord {
  const json = parseObject(line)
  checkNames(json, RECORD_NAMES, 'a record')
  const { topic, partition, timestampMs, headers = [] } = json
  if (topic !== undefined && typeof topic !== 'string') throw new CommandFailure('topic is no string')
  const value = bytesFromJson('value', json)
  if (value === undefined) {
    throw new CommandFailure('it has neither value nor valueBase64; null is the value of a tombstone')
  }
  if (!Array.isArray(headers)) throw new CommandFailure('headers is no list')
  const sentMs = wholeNumber('timestampMs', timestampMs, NO_TIMESTAMP)
  return {
    topic,
    partition: wholeNumber('partition', partition, 0),
    record: {
      key: bytesFromJson('key', json) ?? null,
      value,
      headers: headers.map(headerFromJson),
      // Kafka's word for none; whoever writes it puts its own.
      ...(sentMs !== undefined && sentMs !== NO_TIMESTAMP && { timestampMs: sentMs }),
    },
  }
}

function parseObject(line: Uint8Array): Record<string, unknown> {
  let json: unknown
  try {
    json = JSON.parse(text.decode(line))
  } catch (error) {
    const why = error instanceof SyntaxError ? `it is no JSON (${error.message})` : 'it is no UTF-8'
    throw new CommandFailure(`${why}; \`tidemark consume --json\` writes what is meant`)
  }
  if (typeof json === 'object' && json !== null && !Array.isArray(json))
    return json as Record<string, unknown>
  throw new CommandFailure('it is no JSON object; `tidemark consume --json` writes what is meant')
}

function headerFromJson(header: unknown): RecordHeader {
  if (typeof header !== 'object' || header === null)
    throw new CommandFailure('a header is no object with a key')
  checkNames(header, HEADER_NAMES, 'a header')
  const { key } = header as { key?: unknown }
  if (typeof key !== 'string') throw new CommandFailure("a header's key is no string")
  const value = bytesFromJson('value', header as Record<string, unknown>)
  if (value === undefined) throw new CommandFailure('a header has neither value nor valueBase64')
  return { key: wellFormed('key', key), value }
}

/** undefined where it says nothing of them. */
function bytesFromJson(name: string, json: Record<string, unknown>): Uint8Array | null | undefined {
  const [plain, base64] = [json[name], json[`${name}Base64`]]
  if (base64 === undefined) {
    if (plain === undefined || plain === null) return plain
    if (typeof plain === 'string') return Buffer.from(wellFormed(name, plain))
    throw new CommandFailure(`${name} is neither a string nor null; JSON within a record stands as text`)
  }
  if (plain !== undefined) throw new CommandFailure(`it has ${name} and ${name}Base64: leave one out`)
  const bytes = typeof base64 === 'string' ? Buffer.from(base64, 'base64') : undefined
  // Node passes over what is no base64.
  if (bytes?.toString('base64') === base64) return bytes
  throw new CommandFailure(`${name}Base64 is no base64`)
}

/** Half of a surrogate pair has no bytes in UTF-8. */
function wellFormed(name: string, value: string): string {
  if (value.isWellFormed()) return value
  throw new CommandFailure(`${name} holds half of a character; bytes that are no text stand in ${name}Base64`)
}

function wholeNumber(name: string, value: unknown, min: number): number | undefined {
  if (value === undefined || (Number.isSafeInteger(value) && (value as number) >= min))
    return value as number | undefined
  throw new CommandFailure(`${name} is no whole number from ${min} on`)
}

function checkNames(json: object, known: ReadonlySet<string>, what: string): void {
  for (const name of Object.keys(json)) {
    if (!known.has(name)) throw new CommandFailure(`${what} has no ${name}: it has ${[...known].join(', ')}`)
  }
}
