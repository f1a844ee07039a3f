// As a whole: Node 20 has no zstd, and a name that a module lacks would keep it from loading.
import zlib from 'node:zlib'
import { TidemarkError } from '../errors.ts'
import { DECOMPRESSED_BYTES_MAX } from '../limits.ts'
import { compressLz4, decompressLz4 } from './lz4-frame.ts'
import { compressSnappy, decompressSnappy } from './snappy-stream.ts'
import { decompressZstd } from './zstd-frames.ts'

/** In the order of their codes in a batch's attributes. */
const NAMES = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

/** How a batch's records are compressed, by Kafka's names. */
export type CompressionName = (typeof NAMES)[number]

/** @throws TidemarkError UNSUPPORTED_COMPRESSION_TYPE when Kafka has no such code */
export function compressionName(code: number): CompressionName {
  const name = NAMES[code]
  if (name === undefined) throw unknown(`with the code ${code}`)
  return name
}

/** @throws TidemarkError UNSUPPORTED_COMPRESSION_TYPE when Kafka has no such name */
export function compressionCode(name: CompressionName): number {
  const code = NAMES.indexOf(name)
  if (code < 0) throw unknown(`called ${name}`)
  return code
}

/**
 * Compresses the records of a batch; with 'none' they come back as they are.
 * @throws TidemarkError UNSUPPORTED_COMPRESSION_TYPE for zstd on a Node that has none
 */
export function compress(name: CompressionName, bytes: Uint8Array): Uint8Array {
  switch (name) {
    case 'none':
      return bytes
    case 'gzip':
      return zlib.gzipSync(bytes)
    case 'snappy':
      return compressSnappy(bytes)
    case 'lz4':
      return compressLz4(bytes)
    case 'zstd':
      checkZstd()
      return zlib.zstdCompressSync(bytes)
  }
}

/**
 * The records of a batch as they were before `compress`, or as another client packed them: in several frames, members
 * or streams one after the other, as each of these formats allows. Never takes more memory than a few times
 * `limitBytes`, and with honest input no more than a few times the result.
 *
 * @param limitBytes DECOMPRESSED_BYTES_MAX when it is left out
 * @throws TidemarkError MESSAGE_TOO_LARGE when they would grow above `limitBytes`, or could;
 *   INVALID_RECORD when the bytes are not what the named compression makes
 */
export function decompress(
  name: CompressionName,
  bytes: Uint8Array,
  limitBytes: number = DECOMPRESSED_BYTES_MAX,
): Uint8Array {
  if (name === 'none') return bytes
  try {
    switch (name) {
      case 'gzip':
        return zlib.gunzipSync(bytes, { maxOutputLength: limitBytes })
      case 'snappy':
        return decompressSnappy(bytes, limitBytes)
      case 'lz4':
        return decompressLz4(bytes, limitBytes)
      case 'zstd':
        checkZstd()
        return decompressZstd(bytes, limitBytes)
    }
  } catch (error) {
    throw toReadError(name, error)
  }
}

/** What a library says of data that it cannot read, to whoever reads the batch. */
export function toReadError(name: CompressionName, error: unknown): TidemarkError {
  if (error instanceof TidemarkError) return error
  if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return tooLargeDecompressed()
  return new TidemarkError(
    'INVALID_RECORD',
    `The batch's ${name} data cannot be read: ${(error as Error).message}. The producer wrote it wrongly; use another client or another compression.`,
    'no',
    { cause: error },
  )
}

function unknown(which: string): TidemarkError {
  return new TidemarkError(
    'UNSUPPORTED_COMPRESSION_TYPE',
    `There is no compression ${which}. Use one of ${NAMES.join(', ')}.`,
  )
}

/** @throws TidemarkError UNSUPPORTED_COMPRESSION_TYPE where there is none */
export function checkZstd(): void {
  if (typeof zlib.zstdCompressSync === 'function') return
  throw new TidemarkError(
    'UNSUPPORTED_COMPRESSION_TYPE',
    `Node ${process.version} has no zstd. Use Node 22.15 or later, or another compression.`,
  )
}

export function tooLargeDecompressed(): TidemarkError {
  return new TidemarkError(
    'MESSAGE_TOO_LARGE',
    `The batch would have more than ${DECOMPRESSED_BYTES_MAX} bytes when decompressed. Send fewer records in a batch.`,
  )
}
