// As a whole: Node 20 has no zstd, and a name that a module lacks would keep it from loading.
import zlib from 'node:zlib'
import { BATCH_FRAMES_MAX, DECOMPRESSED_BYTES_MAX, INFLATED_PIECE_BYTES } from '../limits.ts'

/**
 * zstd's format is frames one after the other, some of them to be skipped, and Node's decompressor ends behind the first
 * one without a word.
 * Source: https://github.com/facebook/zstd/blob/dev/doc/zstd_compression_format.md
 *
 * @param limitBytes what the result may have
 * @throws Error with the code ERR_BUFFER_TOO_LARGE above the limit; else one that says why it is no zstd
 */
export function decompressZstd(bytes: Uint8Array, limitBytes: number): Uint8Array {
  const parts: Buffer[] = []
  let outputBytes = 0
  let position = 0
  do {
    // Each frame takes a decompressor of its own, which a batch of nothing but frames would spend seconds on.
    if (parts.length === BATCH_FRAMES_MAX) throw new Error(`it has more than ${BATCH_FRAMES_MAX} frames`)
    const { part, frameBytes } = decompressFrame(bytes.subarray(position), limitBytes - outputBytes)
    parts.push(part)
    outputBytes += part.length
    position += frameBytes
  } while (position < bytes.length)
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts, outputBytes)
}

/** What may be referred to of a frame that says nothing else: RFC 8878 recommends this much. */
const WINDOW_BYTES_DEFAULT = 8 * 1024 * 1024
const MAGIC = 0xfd2f_b528
const SINGLE_SEGMENT_BIT = 1 << 5
/** How long the content's size is, by the two highest bits of a frame's flags. */
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const
/** The same of a dictionary's number, by the two lowest. */
const DICTIONARY_BYTES = [0, 1, 2, 4] as const

/**
 * The same piece by piece, by another thread.
 * @throws Error that says why it is no zstd
 */
export async function* zstdPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  const windowLogMax = Math.ceil(Math.log2(zstdWindowBytes(bytes)))
  const options = {
    chunkSize: INFLATED_PIECE_BYTES,
    // What the first frame needs, all of them may: that is how much room was made.
    params: { [zlib.constants.ZSTD_d_windowLogMax]: windowLogMax },
  }
  let position = 0
  let frames = 0
  do {
    if (frames++ === BATCH_FRAMES_MAX) throw new Error(`it has more than ${BATCH_FRAMES_MAX} frames`)
    const frame = zlib.createZstdDecompress(options)
    frame.end(bytes.subarray(position))
    yield* frame
    if (frame.bytesWritten === 0) throw new Error('a frame has no end')
    position += frame.bytesWritten
  } while (position < bytes.length)
}

/** How much of what came before has to be kept: the first frame's window, and no less than any frame may have. */
export function zstdWindowBytes(bytes: Uint8Array): number {
  return Math.min(DECOMPRESSED_BYTES_MAX, Math.max(WINDOW_BYTES_DEFAULT, readFrameHeader(bytes).windowBytes))
}

/** What the first frame says that it holds; 0 where it says nothing. */
export function zstdContentBytes(bytes: Uint8Array): number {
  return readFrameHeader(bytes).contentBytes
}

/** As far as there is one; zeros where there is none. */
function readFrameHeader(bytes: Uint8Array): { windowBytes: number; contentBytes: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 6 || view.getUint32(0, true) !== MAGIC) return { windowBytes: 0, contentBytes: 0 }
  const flags = bytes[4]!
  const isSingle = (flags & SINGLE_SEGMENT_BIT) !== 0
  const at = 5 + (isSingle ? 0 : 1) + DICTIONARY_BYTES[flags & 0b11]!
  const sizeBytes = CONTENT_SIZE_BYTES[flags >>> 6]! || (isSingle ? 1 : 0)
  const contentBytes = at + sizeBytes > bytes.length ? 0 : littleEndian(bytes, at, sizeBytes)
  if (isSingle) return { windowBytes: contentBytes, contentBytes }
  const base = 2 ** (10 + (bytes[5]! >>> 3))
  return { windowBytes: base + (base / 8) * (bytes[5]! & 0b111), contentBytes }
}

function littleEndian(bytes: Uint8Array, at: number, sizeBytes: number): number {
  let value = 0
  for (let index = sizeBytes - 1; index >= 0; index--) value = value * 256 + bytes[at + index]!
  return value
}

/** Of a frame that is to be skipped, the part is empty. */
function decompressFrame(bytes: Uint8Array, limitBytes: number): { part: Buffer; frameBytes: number } {
  // Of no room at all, Node makes a mistake of the caller's.
  const options = { maxOutputLength: Math.max(1, limitBytes), info: true }
  const { buffer, engine } = zlib.zstdDecompressSync(bytes, options) as unknown as Decompressed
  if (buffer.length > limitBytes)
    throw Object.assign(new Error('too large'), { code: 'ERR_BUFFER_TOO_LARGE' })
  return { part: buffer, frameBytes: engine.bytesWritten }
}

/** What `info` asks for; Node's types do not know it of zstd. */
interface Decompressed {
  readonly buffer: Buffer
  /** `bytesWritten` is what the decompressor was written, and took: the frame. */
  readonly engine: { readonly bytesWritten: number }
}
