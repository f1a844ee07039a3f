import { JSON_PIECE_BYTES } from './limits.ts'

/** Text in UTF-8 as a string of JSON, of which no more than a piece is made at a time. */
export function* jsonStringPieces(utf8: Uint8Array): Generator<string> {
  const buffer = asBuffer(utf8)
  yield '"'
  for (let at = 0; at < buffer.length; ) {
    const end = characterEnd(buffer, at + JSON_PIECE_BYTES)
    yield JSON.stringify(buffer.toString('utf8', at, end)).slice(1, -1)
    at = end
  }
  yield '"'
}

/** The same of any bytes, in base64. */
export function* base64StringPieces(bytes: Uint8Array): Generator<string> {
  const buffer = asBuffer(bytes)
  yield '"'
  for (let at = 0; at < buffer.length; at += JSON_PIECE_BYTES) {
    yield buffer.toString('base64', at, at + JSON_PIECE_BYTES)
  }
  yield '"'
}

/** The last place up to here that is not inside a character. */
function characterEnd(buffer: Buffer, at: number): number {
  let end = at
  while (end < buffer.length && (buffer[end]! & 0b1100_0000) === 0b1000_0000) end--
  return Math.min(end, buffer.length)
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
