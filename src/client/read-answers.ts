import type { Fetched, FetchedPartition, FetchPartition } from '../contract/broker.ts'
import { decodeFrames } from '../contract/http/records/fetch-frames.ts'
import {
  END_OFFSET_HEADER,
  NEXT_OFFSET_HEADER,
  START_OFFSET_HEADER,
} from '../contract/http/records/offset-headers.ts'
import { TidemarkError, type Written } from '../core/errors.ts'
import { type Offset, toOffset } from '../core/numbers.ts'
import type { Answer } from './answer.ts'
import type { HttpRequest } from './http-transport.ts'

export function readBatches(answer: Answer): Fetched {
  return {
    startOffset: offsetHeader(answer, START_OFFSET_HEADER),
    endOffset: offsetHeader(answer, END_OFFSET_HEADER),
    nextOffset: offsetHeader(answer, NEXT_OFFSET_HEADER),
    chunks: answer.body.length === 0 ? [] : [answer.body],
  }
}

function offsetHeader(answer: Answer, name: string): Offset {
  const text = answer.headers.get(name) ?? ''
  if (!/^\d{1,16}$/.test(text)) throw notUnderstood(`the header ${name} is ${JSON.stringify(text)}`, 'no')
  return toOffset(Number(text))
}

export function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'base64'))
}

/** Success was said, so what was to be written is written. */
export function writtenBy({
  method,
  isRead = method === 'GET',
}: Pick<HttpRequest, 'method' | 'isRead'>): Written {
  return isRead ? 'no' : 'yes'
}

export function notUnderstood(reason: string, written: Written): TidemarkError {
  const message = `The answer is not one that this client understands: is the broker of another version? (${reason})`
  return new TidemarkError('UNSUPPORTED_VERSION', message, written)
}

/** @throws TidemarkError UNSUPPORTED_VERSION */
export function readFrames(answer: Answer, asked: readonly FetchPartition[]): FetchedPartition[] {
  try {
    return decodeFrames(answer.body, asked)
  } catch (error) {
    throw notUnderstood(error instanceof Error ? error.message : String(error), 'no')
  }
}
