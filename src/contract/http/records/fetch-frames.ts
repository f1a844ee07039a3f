import { isKafkaErrorName, kafkaErrorNameOf, TidemarkError } from '../../../core/errors.ts'
import { FETCH_ERRORS_BYTES_MAX, FETCH_FRAME_BYTES } from '../../../core/limits.ts'
import { toOffset } from '../../../core/numbers.ts'
import type { Fetched, FetchedPartition, FetchPartition } from '../../broker.ts'

/*
 * The answer of a fetch of many partitions: a frame for each, in the order of the request. Numbers are big-endian.
 *
 *    0  int16  Kafka's number of the error; 0: there is none
 *    2  16     the topic's id; zeros: not known
 *   18  int64  startOffset; of an error -1, as the next two
 *   26  int64  endOffset
 *   34  int64  nextOffset
 *   42  int32  how many bytes follow
 *   46         record batches; of an error what it says, as JSON: kafkaError, detail, retriable, written. It may be missing
 */
const TOPIC_ID_AT = 2
const OFFSETS_AT = 18
const BYTES_AT = 42

/** What of an error is told beside its number. */
export interface ToldError {
  kafkaError: string
  detail: string
  retriable: boolean
  written: TidemarkError['written']
}

/** @returns the answer's bytes, in chunks that hold those of the batches as they are */
export function encodeFrames(answers: readonly FetchedPartition[]): Uint8Array[] {
  // Of all frames, so that those without batches are one chunk.
  const heads = Buffer.alloc(answers.length * FETCH_FRAME_BYTES)
  const chunks: Uint8Array[] = []
  let errorBytesLeft = FETCH_ERRORS_BYTES_MAX
  let taken = 0
  for (const [index, answer] of answers.entries()) {
    const start = index * FETCH_FRAME_BYTES
    let payload: readonly Uint8Array[]
    if ('error' in answer) {
      const told = Buffer.from(JSON.stringify(toTold(answer.error)))
      payload = told.length <= errorBytesLeft ? [told] : []
      if (payload.length > 0) errorBytesLeft -= told.length
      heads.writeInt16BE(answer.error.kafkaNumber, start)
    } else payload = answer.chunks
    const bytes = payload.reduce((sum, { length }) => sum + length, 0)
    if (answer.topicId !== undefined)
      Buffer.from(answer.topicId.replaceAll('-', ''), 'hex').copy(heads, start + TOPIC_ID_AT, 0, 16)
    const { startOffset, endOffset, nextOffset } = 'error' in answer ? NO_OFFSETS : answer
    for (const [nth, offset] of [startOffset, endOffset, nextOffset].entries())
      heads.writeBigInt64BE(BigInt(offset), start + OFFSETS_AT + 8 * nth)
    heads.writeInt32BE(bytes, start + BYTES_AT)
    if (bytes === 0) continue
    chunks.push(heads.subarray(taken, start + FETCH_FRAME_BYTES), ...payload)
    taken = start + FETCH_FRAME_BYTES
  }
  if (taken < heads.length) chunks.push(heads.subarray(taken))
  return chunks
}

const NO_OFFSETS = { startOffset: -1, endOffset: -1, nextOffset: -1 }

/**
 * @param asked the partitions of the request
 * @throws RangeError where the bytes are no such answer
 */
export function decodeFrames(bytes: Uint8Array, asked: readonly FetchPartition[]): FetchedPartition[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  let position = 0
  const answers = asked.map(({ topic, topicId: askedId, partition }): FetchedPartition => {
    const start = position + FETCH_FRAME_BYTES
    const length = buffer.readInt32BE(position + BYTES_AT)
    if (length < 0 || start + length > bytes.length) throw new RangeError('a frame ends behind the answer')
    const topicId = topicIdAt(buffer, position + TOPIC_ID_AT) ?? askedId
    const error = buffer.readInt16BE(position)
    const [startOffset, endOffset, nextOffset] = [0, 8, 16].map(at =>
      Number(buffer.readBigInt64BE(position + OFFSETS_AT + at)),
    )
    position = start + length
    const which = { topic, topicId, partition }
    if (error !== 0) return { ...which, error: fromTold(error, buffer.toString('utf8', start, position)) }
    const offsets = {
      startOffset: toOffset(startOffset!),
      endOffset: toOffset(endOffset!),
      nextOffset: toOffset(nextOffset!),
    }
    return { ...which, ...offsets, chunks: length === 0 ? [] : [ownBytes(bytes, start, position)] }
  })
  if (position < bytes.length) throw new RangeError('more follows behind the last frame')
  return answers
}

/** Of most of the answer a view: else who keeps a little of it would keep all. */
function ownBytes(bytes: Uint8Array, start: number, end: number): Fetched['chunks'][number] {
  return end - start > bytes.length / 2 ? bytes.subarray(start, end) : bytes.slice(start, end)
}

function topicIdAt(buffer: Buffer, position: number): string | undefined {
  const hex = buffer.toString('hex', position, position + 16)
  if (/^0+$/.test(hex)) return undefined
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** An error as a partition's answer tells it, beside its number. */
export function toTold(error: TidemarkError): ToldError {
  const { kafkaName: kafkaError, message: detail, retriable, written } = error
  return { kafkaError, detail, retriable, written }
}

/** @param number Kafka's; where there is no text, all that is known */
function fromTold(number: number, text: string): TidemarkError {
  if (text !== '') return fromToldError({ ...(JSON.parse(text) as ToldError), kafkaErrorNumber: number })
  const name = kafkaErrorNameOf(number) ?? 'UNKNOWN_SERVER_ERROR'
  return new TidemarkError(name, `The broker answered ${name} (${number}).`)
}

/** The error that a partition's answer tells of. */
export function fromToldError(told: ToldError & { kafkaErrorNumber: number }): TidemarkError {
  const { kafkaError, kafkaErrorNumber, detail, retriable, written } = told
  if (isKafkaErrorName(kafkaError)) return new TidemarkError(kafkaError, detail, written, { retriable })
  // A newer server may know names that this client does not.
  const name = kafkaErrorNameOf(kafkaErrorNumber) ?? 'UNKNOWN_SERVER_ERROR'
  return new TidemarkError(name, `${kafkaError}: ${detail}`, written)
}
