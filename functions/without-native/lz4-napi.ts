import { forEachMatch } from './greedy-matches.ts'
import { copyBack } from './snappy.ts'

/** In place of 'lz4-napi' in functions, which have no native modules: reads frames and blocks, and writes frames. */

const CONTENT_SIZE_BIT = 1 << 3
const BLOCK_CHECKSUM_BIT = 1 << 4
const STORED_BIT = 0x8000_0000
const MATCH_BYTES_MIN = 4
/** In a token's half, says that the length goes on in the bytes that follow. */
const LENGTH_GOES_ON = 15

/**
 * The magic, version 1 with independent blocks, of 64 KiB at most, and the checksum of these two bytes: as Kafka's clients
 * write it, without checksums of what is in it.
 */
const FRAME_HEADER = Uint8Array.of(0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82)
const WRITTEN_BLOCK_BYTES = 64 * 1024
const BLOCK_SIZE_BYTES = 4
/** The format's rules: the last match begins so many bytes before a block's end, and its last bytes are literals. */
const MATCH_FREE_BYTES = 12
const LAST_LITERALS_BYTES = 5

/** Source: https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md */
export function compressFrameSync(bytes: Uint8Array): Uint8Array {
  const blocks = Math.ceil(bytes.length / WRITTEN_BLOCK_BYTES)
  const output = new Uint8Array(FRAME_HEADER.length + bytes.length + (blocks + 1) * BLOCK_SIZE_BYTES)
  output.set(FRAME_HEADER)
  const view = new DataView(output.buffer)
  let position = FRAME_HEADER.length
  for (let start = 0; start < bytes.length; start += WRITTEN_BLOCK_BYTES) {
    const stored = bytes.subarray(start, start + WRITTEN_BLOCK_BYTES)
    const packed = packBlock(stored)
    view.setUint32(position, packed ? packed.length : STORED_BIT + stored.length, true)
    output.set(packed ?? stored, position + BLOCK_SIZE_BYTES)
    position += BLOCK_SIZE_BYTES + (packed ?? stored).length
  }
  // A block of no bytes ends the frame.
  return output.subarray(0, position + BLOCK_SIZE_BYTES)
}

/** undefined where it would not be smaller. */
function packBlock(bytes: Uint8Array): Uint8Array | undefined {
  // A token and an offset take less than the match they stand for; long lengths a byte for 255.
  const output = new Uint8Array(16 + bytes.length + Math.ceil(bytes.length / 255))
  let position = 0
  const goOn = (length: number) => {
    for (let left = length - LENGTH_GOES_ON; left >= 0; left -= 255) output[position++] = Math.min(left, 255)
  }
  const range = {
    start: 0,
    end: bytes.length,
    spared: MATCH_FREE_BYTES,
    lastLiterals: LAST_LITERALS_BYTES,
  }
  forEachMatch(bytes, range, (literalsAt, literalBytes, offset, matchBytes) => {
    const matched = Math.max(0, matchBytes - MATCH_BYTES_MIN)
    output[position++] = (Math.min(literalBytes, LENGTH_GOES_ON) << 4) | Math.min(matched, LENGTH_GOES_ON)
    goOn(literalBytes)
    output.set(bytes.subarray(literalsAt, literalsAt + literalBytes), position)
    position += literalBytes
    if (matchBytes === 0) return
    output[position++] = offset
    output[position++] = offset >>> 8
    goOn(matched)
  })
  return position < bytes.length ? output.subarray(0, position) : undefined
}

/**
 * Reads a frame of which the caller has checked the header and the blocks' places. Its xxHash checksums are left
 * alone: the batch around it has a CRC over all of it.
 * Source: https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md
 * @throws RangeError when a block is damaged
 */
export function decompressFrameSync(frame: Buffer): Uint8Array {
  const blocks = blocksOf(frame)
  let bytes = 0
  // Walked first, so that there is one output of the right size, into which later blocks may reach back.
  for (const block of blocks) {
    const blockBytes = block.isStored ? block.bytes.length : sizeOf(block.bytes)
    // What the caller has reckoned with when he checked how large the whole can get.
    if (blockBytes > blockBytesMax(frame)) throw new RangeError('a block is larger than the frame allows')
    bytes += blockBytes
  }
  const output = new Uint8Array(bytes)
  let written = 0
  for (const block of blocks) {
    if (block.isStored) output.set(block.bytes, written)
    written += block.isStored ? block.bytes.length : writeBlock(block.bytes, output, written)
  }
  return output
}

/**
 * One block, behind the four bytes of a size that its caller does not know either.
 * @param before what the block may refer to
 * @throws RangeError when it is damaged
 */
export function uncompressSync(sized: Uint8Array, before = new Uint8Array(0)): Uint8Array {
  const block = sized.subarray(4)
  const size = sizeOf(block)
  const largest = new DataView(sized.buffer, sized.byteOffset).getUint32(0, true)
  if (size > largest) throw new RangeError('a block is larger than the frame allows')
  const output = new Uint8Array(before.length + size)
  output.set(before)
  writeBlock(block, output, before.length)
  return output.subarray(before.length)
}

function blockBytesMax(frame: Buffer): number {
  const code = (frame[5]! >>> 4) & 0b111
  return 1 << (8 + 2 * code)
}

interface Block {
  readonly isStored: boolean
  readonly bytes: Uint8Array
}

function blocksOf(frame: Buffer): Block[] {
  const flags = frame[4]!
  const tailBytes = (flags & BLOCK_CHECKSUM_BIT) !== 0 ? 4 : 0
  const blocks: Block[] = []
  // Behind the magic, flags, block size, content size and one byte of header checksum.
  for (let position = (flags & CONTENT_SIZE_BIT) !== 0 ? 15 : 7; ; ) {
    const word = frame.readUInt32LE(position)
    if (word === 0) return blocks
    const isStored = word >= STORED_BIT
    const start = position + 4
    const end = start + (isStored ? word - STORED_BIT : word)
    blocks.push({ isStored, bytes: frame.subarray(start, end) })
    position = end + tailBytes
  }
}

function sizeOf(block: Uint8Array): number {
  let bytes = 0
  forEachSequence(block, (_, literalBytes, __, matchBytes) => {
    bytes += literalBytes + matchBytes
  })
  return bytes
}

/** Tells how much it wrote. */
function writeBlock(block: Uint8Array, output: Uint8Array, from: number): number {
  let at = from
  forEachSequence(block, (literalsAt, literalBytes, offset, matchBytes) => {
    output.set(block.subarray(literalsAt, literalsAt + literalBytes), at)
    at += literalBytes
    if (matchBytes > 0) copyBack(output, at, offset, matchBytes)
    at += matchBytes
  })
  return at - from
}

/** A block's sequences: literals, then a match further back; the last one ends with its literals. */
function forEachSequence(
  block: Uint8Array,
  visit: (literalsAt: number, literalBytes: number, offset: number, matchBytes: number) => void,
): void {
  let position = 0
  const next = () => {
    if (position >= block.length) throw new RangeError('a block is damaged')
    return block[position++]!
  }
  const lengthFrom = (half: number) => {
    let length = half
    if (half === LENGTH_GOES_ON) {
      let byte: number
      do {
        byte = next()
        length += byte
      } while (byte === 255)
    }
    return length
  }
  while (position < block.length) {
    const token = next()
    const literalBytes = lengthFrom(token >>> 4)
    const literalsAt = position
    position += literalBytes
    if (position > block.length) throw new RangeError('a block is damaged')
    if (position === block.length) {
      visit(literalsAt, literalBytes, 0, 0)
      return
    }
    const offset = next() + next() * 256
    visit(literalsAt, literalBytes, offset, lengthFrom(token & 0b1111) + MATCH_BYTES_MIN)
  }
}
