// As a whole: Node 20 has no zstd, and a name that a module lacks would keep it from loading.
import zlib from 'node:zlib'
import { TidemarkError } from '../errors.ts'
import { compressLz4 } from './lz4-frame.ts'
import { compressSnappy } from './snappy-stream.ts'

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
