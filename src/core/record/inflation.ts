// As a whole: Node 20 has no zstd, and a name that a module lacks would keep it from loading.
import zlib from 'node:zlib'
import { TidemarkError } from '../errors.ts'
import {
  DECOMPRESSED_BYTES_MAX,
  INFLATED_AT_ONCE_BYTES_MAX,
  INFLATED_AT_ONCE_FRAMES_MAX,
  INFLATED_PIECE_BYTES,
} from '../limits.ts'
import { nextTurn } from '../turns.ts'
import type { CompressionName } from './compression-name.ts'
import { decompress, tooLargeDecompressed, toReadError } from './decompression.ts'
import { LZ4_BLOCK_BYTES_MAX, lz4Pieces } from './lz4-frame.ts'
import { hasMoreSnappyBlocks, largestSnappyBlock, snappyPieces } from './snappy-stream.ts'
import { zstdContentBytes, zstdPieces, zstdWindowBytes } from './zstd-frames.ts'
import { checkZstd } from './zstd-support.ts'

/** A batch's records, decompressed: at once where they are few bytes, else one piece after the other. */
export interface Inflation {
  /** All of it; undefined: it comes in pieces. */
  readonly whole: Uint8Array | undefined
  /** @throws TidemarkError as `decompress`; `return` lets go of what the rest would have needed */
  readonly pieces: AsyncGenerator<Uint8Array> | undefined
  /** What is in memory besides the piece in hand, at most. */
  readonly heldBytes: number
}

/**
 * Decompresses what may be many times as large, and never holds more than INFLATED_AT_ONCE_BYTES_MAX of it, or a piece
 * and what that needs of those before.
 * @throws TidemarkError as `decompress`, where it is not in pieces
 */
export function inflate(name: CompressionName, bytes: Uint8Array): Inflation {
  if (name === 'none' || bytes.length === 0) return { whole: bytes, pieces: undefined, heldBytes: 0 }
  if (mayBeAtOnce(name, bytes)) {
    try {
      return { whole: decompress(name, bytes, INFLATED_AT_ONCE_BYTES_MAX), pieces: undefined, heldBytes: 0 }
    } catch (error) {
      if (!(error instanceof TidemarkError && error.kafkaName === 'MESSAGE_TOO_LARGE')) throw error
    }
  }
  return { whole: undefined, pieces: checked(name, bytes), heldBytes: heldBytesOf(name, bytes) }
}

function mayBeAtOnce(name: CompressionName, bytes: Uint8Array): boolean {
  if (Math.max(bytes.length, declaredBytes(name, bytes)) > INFLATED_AT_ONCE_BYTES_MAX) return false
  // Of the other formats, the library takes all pieces in one go.
  return name !== 'snappy' || !hasMoreSnappyBlocks(bytes, INFLATED_AT_ONCE_FRAMES_MAX)
}

/** What the data says that it holds, if it says so: trying would be in vain then. */
function declaredBytes(name: CompressionName, bytes: Uint8Array): number {
  if (name === 'zstd') return zstdContentBytes(bytes)
  const tail = bytes.length - 4
  // Of the last member, modulo 2^32.
  if (name === 'gzip' && tail > 0) {
    return new DataView(bytes.buffer, bytes.byteOffset + tail).getUint32(0, true)
  }
  return 0
}

async function* checked(name: CompressionName, bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  let totalBytes = 0
  let pieces = 0
  try {
    for await (const piece of piecesOf(name, bytes)) {
      // A batch may be nothing but pieces of nothing, and to wait for the next one lets nobody else go on.
      if (++pieces % INFLATED_AT_ONCE_FRAMES_MAX === 0) await nextTurn()
      if (piece.length === 0) continue
      totalBytes += piece.length
      if (totalBytes > DECOMPRESSED_BYTES_MAX) throw tooLargeDecompressed()
      yield piece
    }
  } catch (error) {
    throw toReadError(name, error)
  }
}

function piecesOf(
  name: CompressionName,
  bytes: Uint8Array,
): Iterable<Uint8Array> | AsyncIterable<Uint8Array> {
  switch (name) {
    case 'none':
      return [bytes]
    case 'gzip':
      return gzipPieces(bytes)
    case 'snappy':
      return snappyPieces(bytes, DECOMPRESSED_BYTES_MAX)
    case 'lz4':
      return lz4Pieces(bytes)
    case 'zstd':
      checkZstd()
      return zstdPieces(bytes)
  }
}

function gzipPieces(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  const stream = zlib.createGunzip({ chunkSize: INFLATED_PIECE_BYTES })
  stream.end(bytes)
  return stream
}

function heldBytesOf(name: CompressionName, bytes: Uint8Array): number {
  switch (name) {
    case 'snappy':
      return largestSnappyBlock(bytes)
    case 'lz4':
      return LZ4_BLOCK_BYTES_MAX
    case 'zstd':
      return zstdWindowBytes(bytes)
    default:
      return 2 * INFLATED_PIECE_BYTES
  }
}
