import type * as z from 'zod'
import { TidemarkError } from '../../../core/errors.ts'
import { FETCH_BYTES_MAX } from '../../../core/limits.ts'
import { type Offset, toOffset } from '../../../core/numbers.ts'
import { batchSizeBytes, decodeBatch, type LogRecord } from '../../../core/record/index.ts'
import type { Fetched } from '../../broker.ts'
import { BATCHES_TYPE } from '../media-types.ts'
import { HttpProblem } from '../problems/problem.ts'
import type { FetchAnswer } from '../schemas/records.ts'
import { AnswerRoom } from './answer-room.ts'
import { bytesToPayload, type PayloadEncoding } from './payload.ts'

/**
 * Fetched batches as JSON records from `offset` on. Compressed batches can hold many times their size, so the
 * answer ends after the batch with which it passes FETCH_BYTES_MAX, or before the record with which it would
 * pass `answerBytesMax`, and `nextOffset` says where to go on.
 * @throws TidemarkError MESSAGE_TOO_LARGE when not even the first record has room
 */
export function toJsonRecords(
  { startOffset, endOffset, nextOffset, chunks }: Fetched,
  offset: Offset,
  encoding: PayloadEncoding,
  answerBytesMax: number,
): z.input<typeof FetchAnswer> {
  const room = new AnswerRoom(answerBytesMax)
  const records: z.input<typeof FetchAnswer>['records'] = []
  let payloadBytes = 0
  let reached = nextOffset
  for (const { header, records: batch } of decodeAll(chunks)) {
    if (payloadBytes > FETCH_BYTES_MAX) {
      reached = toOffset(header.baseOffset)
      break
    }
    // Markers of transactions are no records: Kafka's consumers do not show them either.
    if (header.isControl) continue
    for (const record of batch) {
      payloadBytes += sizeBytes(record)
      if (record.offset < offset) continue
      const described = toJsonRecord(record, encoding)
      if (!room.take(described)) {
        if (records.length === 0) throw tooLargeForJson(record.offset, answerBytesMax)
        return { startOffset, endOffset, nextOffset: record.offset, records }
      }
      records.push(described)
    }
  }
  return { startOffset, endOffset, nextOffset: reached, records }
}

function tooLargeForJson(offset: Offset, answerBytesMax: number): TidemarkError {
  return new TidemarkError(
    'MESSAGE_TOO_LARGE',
    `The record at offset ${offset} is too large for an answer in JSON, which has ${answerBytesMax} bytes at most ` +
      `here. Fetch it as record batches (Accept: ${BATCHES_TYPE}), or with locate=true.`,
  )
}

function* decodeAll(chunks: readonly Uint8Array[]): Generator<ReturnType<typeof decodeBatch>> {
  for (const chunk of chunks) {
    for (let position = 0; position < chunk.length; position += batchSizeBytes(chunk, position)) {
      yield decodeStored(chunk, position)
    }
  }
}

function decodeStored(chunk: Uint8Array, position: number): ReturnType<typeof decodeBatch> {
  try {
    return decodeBatch(chunk, position)
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error
    // What is wrong here is not the request, so no status that blames it.
    const message = `A stored batch cannot be read as JSON: ${error.message}`
    throw new HttpProblem(500, new TidemarkError(error.kafkaName, message, 'no', { cause: error }))
  }
}

function sizeBytes({ key, value, headers }: LogRecord): number {
  let bytes = (key?.length ?? 0) + (value?.length ?? 0)
  for (const header of headers) bytes += header.key.length + (header.value?.length ?? 0)
  return bytes
}

function toJsonRecord(
  { offset, timestampMs, key, value, headers }: LogRecord,
  encoding: PayloadEncoding,
): z.input<typeof FetchAnswer>['records'][number] {
  return {
    offset,
    timestampMs,
    key: bytesToPayload(key, encoding),
    value: bytesToPayload(value, encoding),
    headers: headers.map(header => ({ key: header.key, value: bytesToPayload(header.value, encoding) })),
  }
}
