import { forEachMatch } from './greedy-matches.ts'

/** In place of 'snappy' in functions, which have no native modules: reads and writes one raw block. */

const COPY_BYTES_MAX = 64
/** A short copy has its length in three bits and its offset in eleven. */
const SHORT_COPY_BYTES_MIN = 4
const SHORT_COPY_BYTES_MAX = 11
const SHORT_OFFSET_MAX = 2_047

/** Source: https://github.com/google/snappy/blob/main/format_description.txt */
export function compressSync(bytes: Uint8Array): Uint8Array {
  // The length, and literals behind up to five bytes for each match: what four bytes of a match leave room for is less.
  const output = new Uint8Array(40 + bytes.length + Math.ceil(bytes.length / 4))
  let position = 0
  const literal = (at: number, length: number) => {
    const last = length - 1
    if (last < 60) output[position++] = last << 2
    else {
      const lengthBytes = last < 0x100 ? 1 : last < 0x1_0000 ? 2 : last < 0x100_0000 ? 3 : 4
      output[position++] = (59 + lengthBytes) << 2
      for (let byte = 0; byte < lengthBytes; byte += 1) output[position++] = last >>> (8 * byte)
    }
    output.set(bytes.subarray(at, at + length), position)
    position += length
  }
  const copy = (offset: number, length: number) => {
    if (length >= SHORT_COPY_BYTES_MIN && length <= SHORT_COPY_BYTES_MAX && offset <= SHORT_OFFSET_MAX) {
      output[position++] = ((offset >>> 8) << 5) | ((length - SHORT_COPY_BYTES_MIN) << 2) | 1
      output[position++] = offset
    } else {
      output[position++] = ((length - 1) << 2) | 2
      output[position++] = offset
      output[position++] = offset >>> 8
    }
  }
  for (let left = bytes.length; ; left = Math.floor(left / 128)) {
    output[position++] = left < 128 ? left : (left & 0x7f) | 0x80
    if (left < 128) break
  }
  const range = { start: 0, end: bytes.length, spared: 0, lastLiterals: 0 }
  forEachMatch(bytes, range, (literalsAt, literalBytes, offset, matchBytes) => {
    if (literalBytes > 0) literal(literalsAt, literalBytes)
    for (let left = matchBytes; left > 0; left -= COPY_BYTES_MAX) copy(offset, Math.min(left, COPY_BYTES_MAX))
  })
  return output.subarray(0, position)
}

/**
 * Source: https://github.com/google/snappy/blob/main/format_description.txt
 * @throws RangeError when it is no snappy block
 */
export function uncompressSync(block: Uint8Array): Uint8Array {
  let position = 0
  let length = 0
  for (let weight = 1, byte = 0x80; byte >= 0x80; weight *= 128) {
    byte = byteAt(block, position++)
    length += (byte & 0x7f) * weight
  }
  const output = new Uint8Array(length)
  let written = 0
  while (position < block.length) {
    const tag = block[position++]!
    const kind = tag & 0b11
    if (kind === 0) {
      // Up to 60 the length stands in the tag, above in the next 1 to 4 bytes.
      let bytes = (tag >>> 2) + 1
      if (bytes > 60) {
        const lengthBytes = bytes - 60
        bytes = littleEndian(block, position, lengthBytes) + 1
        position += lengthBytes
      }
      if (bytes > block.length - position || bytes > length - written) throw malformed()
      output.set(block.subarray(position, position + bytes), written)
      position += bytes
      written += bytes
      continue
    }
    const isShort = kind === 1
    const bytes = isShort ? ((tag >>> 2) & 0b111) + 4 : (tag >>> 2) + 1
    const offsetBytes = isShort ? 1 : kind === 2 ? 2 : 4
    const offset = littleEndian(block, position, offsetBytes) + (isShort ? (tag >>> 5) * 256 : 0)
    position += offsetBytes
    if (bytes > length - written) throw malformed()
    copyBack(output, written, offset, bytes)
    written += bytes
  }
  if (written !== length) throw malformed()
  return output
}

/** @throws as uncompressSync */
export async function uncompress(block: Uint8Array): Promise<Uint8Array> {
  return uncompressSync(block)
}

/**
 * Repeats what stands `offset` bytes before `at`. It may reach into what it is just writing: then that repeats.
 * @throws RangeError when it begins before the output
 */
export function copyBack(output: Uint8Array, at: number, offset: number, bytes: number): void {
  const from = at - offset
  if (offset === 0 || from < 0) throw malformed()
  if (offset >= bytes) output.copyWithin(at, from, from + bytes)
  else for (let index = 0; index < bytes; index += 1) output[at + index] = output[from + index]!
}

function littleEndian(block: Uint8Array, position: number, bytes: number): number {
  let value = 0
  for (let index = bytes - 1; index >= 0; index -= 1) value = value * 256 + byteAt(block, position + index)
  return value
}

function byteAt(block: Uint8Array, position: number): number {
  if (position >= block.length) throw malformed()
  return block[position]!
}

function malformed(): RangeError {
  return new RangeError('the block is damaged')
}
