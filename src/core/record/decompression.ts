import zlib from 'node:zlib'
import { TidemarkError } from '../errors.ts'
import { DECOMPRESSED_BYTES_MAX } from '../limits.ts'
import type { CompressionName } from './compression-name.ts'
import { decompressLz4 } from './lz4-frame.ts'
import { decompressSnappy } from './snappy-stream.ts'
import { decompressZstd } from './zstd-frames.ts'
import { checkZstd } from './zstd-support.ts'

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
  // A batch of which all records are gone has nothing that could be read.
  if (name === 'none' || bytes.length === 0) return bytes
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

export function tooLargeDecompressed(): TidemarkError {
  return new TidemarkError(
    'MESSAGE_TOO_LARGE',
    `The batch would have more than ${DECOMPRESSED_BYTES_MAX} bytes when decompressed. Send fewer records in a batch.`,
  )
}
