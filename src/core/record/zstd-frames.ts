// As a whole: Node 20 has no zstd, and a name that a module lacks would keep it from loading.
import zlib from 'node:zlib'
import { BATCH_FRAMES_MAX } from '../limits.ts'

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
