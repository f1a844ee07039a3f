import { compressFrameSync, decompressFrameSync, uncompressSync } from 'lz4-napi'
import { TidemarkError } from '../errors.ts'
import { BATCH_FRAMES_MAX } from '../limits.ts'
import { writeInt32LittleEndian } from './batch-layout.ts'

/**
 * LZ4 in its frame format, as Kafka uses it since magic 2. Frames may follow each other, and some are to be skipped.
 * The decompressor takes one frame and has no limit of its own, so all are walked first: their blocks' sizes bound what
 * can come out.
 * Source: https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md
 */
const FRAME_MAGIC = 0x184d2204
/** The last four bits of a skippable frame's magic are anybody's. */
const SKIPPABLE_MAGIC = 0x184d2a5
const SKIPPABLE_HEADER_BYTES = 8
const VERSION_BITS = 0b1100_0000
const VERSION = 0b0100_0000
const BLOCK_CHECKSUM_BIT = 1 << 4
const CONTENT_SIZE_BIT = 1 << 3
const CONTENT_CHECKSUM_BIT = 1 << 2
const RESERVED_BIT = 1 << 1
const INDEPENDENT_BIT = 1 << 5
const DICTIONARY_BIT = 1
const STORED_BIT = 0x8000_0000
const CHECKSUM_BYTES = 4
const CONTENT_SIZE_BYTES = 8
/** A block's largest size is 2^(8 + 2 × code) bytes, for the codes 4 (64 KiB) to 7 (4 MiB). */
const BLOCK_SIZE_CODE_MIN = 4

/** LZ4's densest sequence adds 255 bytes of output for one byte of length. */
const GROWTH_MAX = 255

/** Compresses into one frame of independent blocks, the only kind that Kafka's Java clients read. */
export function compressLz4(bytes: Uint8Array): Uint8Array {
  return compressFrameSync(asBuffer(bytes))
}

/**
 * @param limitBytes what the result may have
 * @throws TidemarkError MESSAGE_TOO_LARGE above the limit
 * @throws Error that says why it is no LZ4
 */
export function decompressLz4(bytes: Uint8Array, limitBytes: number): Uint8Array {
  const frames = framesOf(asBuffer(bytes))
  const outputBytesMax = frames.reduce((sum, frame) => sum + frame.outputBytesMax, 0)
  if (outputBytesMax > limitBytes) {
    throw new TidemarkError(
      'MESSAGE_TOO_LARGE',
      `The batch could have ${outputBytesMax} bytes when decompressed; ${limitBytes} is the most. Send fewer records in a batch.`,
    )
  }
  const parts = frames.map(frame => decompressFrameSync(frame.bytes))
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
}

/**
 * The same block by block, for what is too large to be in memory as a whole. A block may be empty.
 * @throws Error that says why it is no LZ4
 */
export function* lz4Pieces(bytes: Uint8Array): Generator<Uint8Array> {
  for (const { bytes: frame, blocks, isLinked } of framesOf(asBuffer(bytes))) {
    const window = isLinked ? new Window() : undefined
    for (const { start, end, isStored, outputBytesMax } of blocks) {
      const block = frame.subarray(start, end)
      const piece = isStored ? block : uncompressBlock(block, outputBytesMax, window?.bytes)
      window?.add(piece)
      yield piece
    }
  }
}

/** What a block of a frame like this can hold: the most that a piece of it takes. */
export const LZ4_BLOCK_BYTES_MAX = 4 * 1024 * 1024

/** How far back a block may refer. */
const WINDOW_BYTES = 64 * 1024

/** The library wants the size in front, and takes a larger one as well. */
function uncompressBlock(
  block: Uint8Array,
  outputBytesMax: number,
  before: Uint8Array | undefined,
): Uint8Array {
  const sized = new Uint8Array(4 + block.length)
  writeInt32LittleEndian(sized, 0, outputBytesMax)
  sized.set(block, 4)
  return before?.length ? uncompressSync(sized, before) : uncompressSync(sized)
}

/** The last bytes before a block. A block may add a single one, so not all of them are copied each time. */
class Window {
  readonly #kept = new Uint8Array(2 * WINDOW_BYTES)
  #end = 0

  get bytes(): Uint8Array {
    return this.#kept.subarray(Math.max(0, this.#end - WINDOW_BYTES), this.#end)
  }

  add(piece: Uint8Array): void {
    const last = piece.subarray(Math.max(0, piece.length - WINDOW_BYTES))
    if (this.#end + last.length > this.#kept.length) {
      this.#kept.copyWithin(0, this.#end - WINDOW_BYTES, this.#end)
      this.#end = WINDOW_BYTES
    }
    this.#kept.set(last, this.#end)
    this.#end += last.length
  }
}

interface Block {
  readonly start: number
  readonly end: number
  readonly isStored: boolean
  readonly outputBytesMax: number
}

interface Frame {
  readonly bytes: Buffer
  readonly blocks: readonly Block[]
  /** Whether a block may refer to those before. */
  readonly isLinked: boolean
  readonly outputBytesMax: number
}

function framesOf(bytes: Buffer): Frame[] {
  const frames: Frame[] = []
  let position = 0
  // At least once: of nothing, the walk says what is missing.
  do {
    const rest = bytes.subarray(position)
    const skipped = skippableBytes(rest)
    if (skipped === 0) {
      const frame = walkFrame(rest)
      frames.push(frame)
      position += frame.bytes.length
    } else position += skipped
    if (frames.length > BATCH_FRAMES_MAX) throw new Error(`it has more than ${BATCH_FRAMES_MAX} frames`)
  } while (position < bytes.length)
  return frames
}

/** How long a skippable frame at the beginning is; 0 where there is none. */
function skippableBytes(bytes: Buffer): number {
  if (bytes.length < SKIPPABLE_HEADER_BYTES || bytes.readUInt32LE(0) >>> 4 !== SKIPPABLE_MAGIC) return 0
  const frameBytes = SKIPPABLE_HEADER_BYTES + bytes.readUInt32LE(4)
  if (frameBytes > bytes.length) throw new Error('a skippable frame has no end')
  return frameBytes
}

/** Walks the frame at the beginning, and tells how much its blocks can hold at most. */
function walkFrame(bytes: Buffer): Frame {
  if (bytes.length < 7 || bytes.readUInt32LE(0) !== FRAME_MAGIC) throw new Error('it is no LZ4 frame')
  const flags = bytes[4]!
  const blockSizeCode = (bytes[5]! >>> 4) & 0b111
  if ((flags & VERSION_BITS) !== VERSION || (flags & RESERVED_BIT) !== 0 || (bytes[5]! & 0b1000_1111) !== 0) {
    throw new Error('the frame is of an unknown version')
  }
  if ((flags & DICTIONARY_BIT) !== 0) throw new Error('the frame needs a dictionary')
  if (blockSizeCode < BLOCK_SIZE_CODE_MIN)
    throw new Error(`the frame has the unknown block size ${blockSizeCode}`)
  const blockBytesMax = 1 << (8 + 2 * blockSizeCode)
  const hasContentSize = (flags & CONTENT_SIZE_BIT) !== 0
  const blockTailBytes = (flags & BLOCK_CHECKSUM_BIT) !== 0 ? CHECKSUM_BYTES : 0
  const frameTailBytes = (flags & CONTENT_CHECKSUM_BIT) !== 0 ? CHECKSUM_BYTES : 0

  // Magic, flags, block size, content size, and one byte of header checksum.
  let position = 4 + 2 + (hasContentSize ? CONTENT_SIZE_BYTES : 0) + 1
  let outputBytesMax = 0
  const blocks: Block[] = []
  for (;;) {
    if (position + 4 > bytes.length) throw new Error('the frame has no end')
    const word = bytes.readUInt32LE(position)
    position += 4
    if (word === 0) break
    const isStored = word >= STORED_BIT
    const blockBytes = isStored ? word - STORED_BIT : word
    if (blockBytes > blockBytesMax)
      throw new Error(`a block of ${blockBytes} bytes is larger than the frame allows`)
    const block = {
      start: position,
      end: position + blockBytes,
      isStored,
      outputBytesMax: isStored ? blockBytes : Math.min(blockBytesMax, blockBytes * GROWTH_MAX),
    }
    blocks.push(block)
    outputBytesMax += block.outputBytesMax
    position += blockBytes + blockTailBytes
  }
  const frameBytes = position + frameTailBytes
  if (frameBytes > bytes.length) throw new Error('the frame has no end')
  if (hasContentSize && bytes.readBigUInt64LE(6) > outputBytesMax) {
    throw new Error('the frame says it holds more than its blocks can')
  }
  const isLinked = (flags & INDEPENDENT_BIT) === 0
  return { bytes: bytes.subarray(0, frameBytes), blocks, isLinked, outputBytesMax }
}

/** lz4-napi's synchronous functions take a Buffer and nothing else; this is a view, not a copy. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
