import { TidemarkError } from '../../../core/errors.ts'
import {
  JSON_ANSWER_BYTES_MAX,
  JSON_GROWTH_MAX,
  JSON_RECORD_BYTES_MAX,
  JSON_RECORD_HEADERS_MAX,
  PORTION_BYTES,
  PORTION_RECORDS,
} from '../../../core/limits.ts'
import { advance, type Offset, toOffset } from '../../../core/numbers.ts'
import { checkToRead } from '../../../core/record/batch-decoder.ts'
import { batchSizeBytes, readBatchHeader } from '../../../core/record/batch-header.ts'
import { BatchRecords } from '../../../core/record/batch-records.ts'
import { RecordTooLarge } from '../../../core/record/record-fields.ts'
import { nextTurn } from '../../../core/turns.ts'
import type { Fetched } from '../../broker.ts'
import { BATCHES_TYPE, JSON_TYPE } from '../media-types.ts'
import { HttpProblem } from '../problems/problem.ts'
import { type JsonMemory, UNCOMPRESSED_GROWTH_MAX } from './json-memory.ts'
import { JsonRecords, recordBytes } from './json-records.ts'
import type { PayloadEncoding } from './payload.ts'

export interface JsonReadRequest {
  offset: Offset
  encoding: PayloadEncoding
  /** What is sent at most, but for a single record that is larger. */
  maxBytes: number
  /** What any answer may have. */
  answerBytesMax: number
  /** What the fetch has reserved. */
  memory: JsonMemory
  /** Aborts when the client is gone: then nobody needs the rest. Asked for only where there is much to do. */
  signal: () => AbortSignal | undefined
}

const PORTION = { records: PORTION_RECORDS, bytes: PORTION_BYTES }
/** An answer's members around its list. */
const FRAME_BYTES = 1_024
/** Below this, one body costs less than a stream; above it, no more than this is handed over at once. */
const PIECE_BYTES = 64 * 1024

interface Limits {
  readonly bytesMax: number
  readonly recordBytesMax: number
  /** Whether the first record is all that is wanted. */
  readonly isSingle: boolean
  /** Whether a batch may be read that is decompressed in pieces. */
  readonly isLarge: boolean
}

type Gathered =
  | { readonly kind: 'records'; readonly records: JsonRecords; readonly nextOffset: Offset }
  /** Not even the first record has room. */
  | { readonly kind: 'too large'; readonly offset: Offset; readonly bytes: number }
  /** The first batch is decompressed in pieces, which takes so much besides. */
  | { readonly kind: 'in pieces'; readonly heldBytes: number }

/**
 * Answers fetched batches as JSON records from an offset on. Where a batch holds many times its size, a portion of it is
 * in memory at a time, and in between others have their turn. The answer ends before the record that it has no room
 * for, and before what cannot be read, and `nextOffset` says where to go on; a single record may be larger.
 * @throws HttpProblem MESSAGE_TOO_LARGE when the first record has no room in any answer, or what is wrong with the first
 *   batch: both say where to go on
 */
export async function answerJsonRecords(fetched: Fetched, request: JsonReadRequest): Promise<Response> {
  const { answerBytesMax, memory } = request
  const largest = Math.min(answerBytesMax - FRAME_BYTES, JSON_ANSWER_BYTES_MAX)
  const bytesMax = Math.min(request.maxBytes, largest)
  await memory.become(Math.min(bytesMax, growthOf(fetched.chunks)))
  const limits = { bytesMax, recordBytesMax: bytesMax, isSingle: false, isLarge: false }
  let gathered = await gather(fetched, request, limits)
  if (gathered.kind !== 'records') {
    const met = gathered
    gathered = await memory.forLarge(() => gatherLarge(fetched, request, met, limits, largest))
  }
  const { records, nextOffset } = gathered
  const { startOffset, endOffset } = fetched
  const head = `{"startOffset":${startOffset},"endOffset":${endOffset},"nextOffset":${nextOffset},"records":[`
  const parts = [Buffer.from(head), ...records.take(), Buffer.from(']}')]
  const bytes = parts.reduce((sum, part) => sum + part.length, 0)
  memory.made(bytes)
  const headers = { 'content-type': JSON_TYPE, 'content-length': String(bytes) }
  return new Response(bytes <= PIECE_BYTES ? Buffer.concat(parts) : streamOf(parts), { headers })
}

/** The same for what takes more memory than answers of that size do. */
async function gatherLarge(
  fetched: Fetched,
  request: JsonReadRequest,
  met: Exclude<Gathered, { kind: 'records' }>,
  limits: Limits,
  largest: number,
): Promise<Extract<Gathered, { kind: 'records' }>> {
  const { memory } = request
  const heldBytes = met.kind === 'in pieces' ? met.heldBytes : 0
  let gathered: Gathered = met
  if (gathered.kind === 'in pieces') {
    await memory.become(heldBytes + limits.bytesMax)
    gathered = await gather(fetched, request, { ...limits, isLarge: true })
  }
  if (gathered.kind === 'too large') {
    const { offset, bytes } = gathered
    if (bytes === 0 || bytes > Math.min(largest, JSON_RECORD_BYTES_MAX))
      throw tooLargeForJson(offset, largest)
    await memory.become(heldBytes + bytes + Math.min(largest, bytes * JSON_GROWTH_MAX))
    const single = { bytesMax: largest, recordBytesMax: JSON_RECORD_BYTES_MAX, isSingle: true, isLarge: true }
    gathered = await gather(fetched, { ...request, offset }, single)
    if (gathered.kind !== 'records') throw tooLargeForJson(offset, largest)
  }
  return gathered as Extract<Gathered, { kind: 'records' }>
}

async function gather(
  { chunks, nextOffset }: Fetched,
  { offset, encoding, signal }: JsonReadRequest,
  { bytesMax, recordBytesMax, isSingle, isLarge }: Limits,
): Promise<Gathered> {
  const records = new JsonRecords(encoding, bytesMax)
  let portions = 0
  for (const { chunk, position } of batchesIn(chunks)) {
    const header = readable(() => checkToRead(chunk, position))
    // Markers of transactions are no records: Kafka's consumers do not show them either.
    if (header.isControl) continue
    const from = toOffset(Math.max(header.baseOffset, offset))
    const wanted = { from, recordBytesMax, recordHeadersMax: JSON_RECORD_HEADERS_MAX }
    let reading: BatchRecords | undefined
    // To decompress it takes a while, or to find that it cannot be done at once.
    if (header.compression !== 'none') await nextTurn()
    try {
      reading = new BatchRecords(header, chunk, position, wanted)
      if (reading.heldBytes > 0) {
        // One of these is the first in its answer, while there is nothing yet that could wait for memory.
        if (records.count > 0) return { kind: 'records', records, nextOffset: from }
        if (!isLarge) return { kind: 'in pieces', heldBytes: reading.heldBytes }
      }
      while (!reading.isAtEnd) {
        if (portions++ > 0) {
          await nextTurn()
          signal()?.throwIfAborted()
        }
        for (const record of await reading.next(PORTION)) {
          const added = records.add(record)
          if (!(added === true || (added !== false && (await added)))) {
            if (records.count > 0) return { kind: 'records', records, nextOffset: record.offset }
            return { kind: 'too large', offset: record.offset, bytes: recordBytes(record) }
          }
          if (isSingle) return { kind: 'records', records, nextOffset: advance(record.offset, 1) }
        }
        records.flush()
      }
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error
      // What comes before the trouble first: the next read meets it.
      if (records.count > 0) {
        return { kind: 'records', records, nextOffset: toOffset(Math.max(from, reading?.nextOffset ?? 0)) }
      }
      if (error instanceof RecordTooLarge) {
        return { kind: 'too large', offset: error.offset, bytes: error.recordBytes }
      }
      throw unreadable(error, toOffset(header.baseOffset + header.lastOffsetDelta + 1))
    } finally {
      reading?.close()
    }
  }
  return { kind: 'records', records, nextOffset }
}

function* batchesIn(chunks: readonly Uint8Array[]): Generator<{ chunk: Uint8Array; position: number }> {
  for (const chunk of chunks) {
    for (let position = 0; position < chunk.length; position += batchSizeBytes(chunk, position)) {
      yield { chunk, position }
    }
  }
}

/** What the records can grow to, as far as that is known. */
function growthOf(chunks: readonly Uint8Array[]): number {
  let bytes = 0
  for (const { chunk, position } of batchesIn(chunks)) {
    const { compression, sizeBytes } = readable(() => readBatchHeader(chunk, position))
    if (compression !== 'none') return Number.POSITIVE_INFINITY
    bytes += sizeBytes
  }
  return bytes * UNCOMPRESSED_GROWTH_MAX
}

function readable<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error
    throw unreadable(error)
  }
}

function unreadable(error: TidemarkError, goOnAt?: Offset): HttpProblem {
  const advice =
    goOnAt === undefined
      ? ''
      : ` Fetch it as record batches (Accept: ${BATCHES_TYPE}), or go on at offset ${goOnAt}.`
  const message = `A stored batch cannot be read as JSON: ${error.message}${advice}`
  const problem = new TidemarkError(error.kafkaName, message, 'no', { cause: error })
  // What else is wrong here is not the request, so no status that blames it.
  return new HttpProblem(error.kafkaName === 'MESSAGE_TOO_LARGE' ? 413 : 500, problem)
}

function tooLargeForJson(offset: Offset, answerBytesMax: number): HttpProblem {
  return new HttpProblem(
    413,
    new TidemarkError(
      'MESSAGE_TOO_LARGE',
      `The record at offset ${offset} is too large for an answer in JSON, which has ${answerBytesMax} bytes at most ` +
        `here, and a record of ${JSON_RECORD_BYTES_MAX} bytes and ${JSON_RECORD_HEADERS_MAX} headers. Fetch it as ` +
        `record batches (Accept: ${BATCHES_TYPE}), or with locate=true; or go on at offset ${offset + 1}.`,
      'no',
    ),
  )
}

function streamOf(parts: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  const pieces = piecesOf(parts)
  return new ReadableStream({
    pull(controller) {
      const { done, value } = pieces.next()
      if (done) controller.close()
      else controller.enqueue(value)
    },
  })
}

function* piecesOf(parts: readonly Uint8Array[]): Generator<Uint8Array> {
  for (const part of parts) {
    for (let at = 0; at < part.length; at += PIECE_BYTES) yield part.subarray(at, at + PIECE_BYTES)
  }
}
