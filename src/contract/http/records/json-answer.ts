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
import { batchSizeBytes, checkToRead, readBatchHeader } from '../../../core/record/batch-header.ts'
import { BatchRecords } from '../../../core/record/batch-records.ts'
import { RecordTooLarge } from '../../../core/record/record-fields.ts'
import { nextTurn } from '../../../core/turns.ts'
import type { Fetched } from '../../broker.ts'
import { BATCHES_TYPE, JSON_TYPE } from '../media-types.ts'
import { HttpProblem, statusOf } from '../problems/problem.ts'
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
/** A record that is no larger comes in any case, and nobody is asked for memory. */
const SMALL_BYTES = 128 * 1024
/** Below this, one body costs less than a stream; above it, no more than this is handed over at once. */
const PIECE_BYTES = 64 * 1024

interface Limits {
  /** What the records may have, as JSON. */
  readonly bytesMax: number
  /** What a single one may have. */
  readonly largest: number
  /** What one may have that is looked at. */
  readonly recordBytesMax: number
  /** Makes room for a record of so many bytes; given where it is its turn to take more memory than others. */
  readonly grow?: (recordBytes: number) => Promise<void>
}

interface Gathered {
  readonly records: JsonRecords
  readonly nextOffset: Offset
}

/** It takes more memory than answers of that size do: so much for decompressing, and perhaps for a large record. */
interface IsLarge {
  readonly heldBytes: number
}

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
  const limits = { bytesMax, largest, recordBytesMax: Math.max(bytesMax, SMALL_BYTES) }
  const first = await gather(fetched, request, limits)
  const gathered =
    'heldBytes' in first
      ? await memory.forLarge(() => gatherLarge(fetched, request, limits, first.heldBytes))
      : first
  const { records, nextOffset } = gathered
  const { startOffset, endOffset } = fetched
  const head = `{"startOffset":${startOffset},"endOffset":${endOffset},"nextOffset":${nextOffset},"records":[`
  const parts = [Buffer.from(head), ...records.take(), Buffer.from(']}')]
  const bytes = parts.reduce((sum, part) => sum + part.length, 0)
  memory.made(bytes)
  const headers = { 'content-type': JSON_TYPE, 'content-length': String(bytes) }
  return new Response(bytes <= PIECE_BYTES ? Buffer.concat(parts) : streamOf(parts), { headers })
}

async function gatherLarge(
  fetched: Fetched,
  request: JsonReadRequest,
  limits: Limits,
  heldBytes: number,
): Promise<Gathered> {
  const { memory } = request
  const { bytesMax, largest } = limits
  const recordBytesMax = Math.min(largest, JSON_RECORD_BYTES_MAX)
  const takenBytes = heldBytes + recordBytesMax + bytesMax
  await memory.become(takenBytes)
  const grow = (bytes: number) => memory.grow(takenBytes + Math.min(largest, bytes * JSON_GROWTH_MAX))
  // With those limits, nothing is too large to be tried.
  return (await gather(fetched, request, { ...limits, recordBytesMax, grow })) as Gathered
}

async function gather(
  { chunks, nextOffset }: Fetched,
  { offset, encoding, signal }: JsonReadRequest,
  { bytesMax, largest, recordBytesMax, grow }: Limits,
): Promise<Gathered | IsLarge> {
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
        if (records.count > 0) return { records, nextOffset: from }
        if (!grow) return { heldBytes: reading.heldBytes }
      }
      while (!reading.isAtEnd) {
        if (portions++ > 0) {
          await nextTurn()
          if (signal()?.aborted) throw nobodyThere()
        }
        for (const record of await reading.next(PORTION)) {
          const added = records.add(record)
          if (added === true || (added !== false && (await added))) continue
          if (records.count > 0) return { records, nextOffset: record.offset }
          const bytes = recordBytes(record)
          const isSmall = bytes * JSON_GROWTH_MAX + FRAME_BYTES <= SMALL_BYTES
          if (!isSmall && !grow) return { heldBytes: reading.heldBytes }
          if (!isSmall) await grow?.(bytes)
          records.allow(isSmall ? SMALL_BYTES : largest)
          if (!(await records.add(record))) throw tooLargeForJson(record.offset, largest)
          return { records, nextOffset: advance(record.offset, 1) }
        }
        records.flush()
      }
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.kafkaName === 'THROTTLING_QUOTA_EXCEEDED') throw error
      // What comes before the trouble first: the next read meets it.
      if (records.count > 0) {
        return { records, nextOffset: toOffset(Math.max(from, reading?.nextOffset ?? 0)) }
      }
      if (error instanceof RecordTooLarge) {
        const isTooLarge = error.recordBytes === 0 || error.recordBytes > JSON_RECORD_BYTES_MAX
        if (grow || isTooLarge || error.recordBytes > largest) throw tooLargeForJson(error.offset, largest)
        return { heldBytes: reading?.heldBytes ?? 0 }
      }
      throw unreadable(error, toOffset(header.baseOffset + header.lastOffsetDelta + 1))
    } finally {
      reading?.close()
    }
  }
  return { records, nextOffset }
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

/** No trouble of this server, whose log is not for it. */
function nobodyThere(): HttpProblem {
  const error = new TidemarkError('NETWORK_EXCEPTION', 'The client is gone.')
  return new HttpProblem(statusOf(error.kafkaName), error)
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
