import { unsupported } from './unsupported.ts'

/** In place of 'snappy' in functions, which have no native modules: reads one raw block, and writes none. */

export function compressSync(): never {
  throw unsupported('snappy')
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
