import { isUtf8 } from 'node:buffer'
import type * as z from 'zod'
import { TidemarkError } from '../../../core/errors.ts'
import { base64StringPieces, jsonStringPieces } from '../../../core/json-pieces.ts'
import { JSON_PIECE_BYTES } from '../../../core/limits.ts'
import type { PayloadInput, PayloadOutput } from '../schemas/payload.ts'

export type PayloadEncoding = 'auto' | 'base64'

export function payloadToBytes(payload: z.output<typeof PayloadInput>): Uint8Array | null {
  if (payload === null) return null
  if (typeof payload === 'string') return Buffer.from(payload, 'utf8')
  if ('base64' in payload) return Buffer.from(payload.base64, 'base64')
  return Buffer.from(jsonText(payload.json), 'utf8')
}

function jsonText(value: unknown): string {
  try {
    return JSON.stringify(value)
  } catch (error) {
    // The parser takes any depth, the writer does not.
    const message = 'A record has a JSON value that is nested too deeply. Send it as text.'
    throw new TidemarkError('INVALID_RECORD', message, 'no', { cause: error })
  }
}

export function bytesToPayload(
  bytes: Uint8Array | null,
  encoding: PayloadEncoding = 'auto',
): z.input<typeof PayloadOutput> {
  if (bytes === null) return null
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (encoding === 'auto' && isUtf8(buffer)) return buffer.toString('utf8')
  return { base64: buffer.toString('base64') }
}

/** The JSON text of what `bytesToPayload` gives, a piece at a time. */
export function* payloadPieces(bytes: Uint8Array | null, encoding: PayloadEncoding): Generator<string> {
  if (bytes === null || bytes.length <= JSON_PIECE_BYTES) {
    yield JSON.stringify(bytesToPayload(bytes, encoding))
    return
  }
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (encoding === 'auto' && isUtf8(buffer)) {
    yield* jsonStringPieces(bytes)
    return
  }
  yield '{"base64":'
  yield* base64StringPieces(bytes)
  yield '}'
}
