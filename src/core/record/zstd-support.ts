// As a whole: Node 20 has no zstd, and a name that a module lacks would keep it from loading.
import zlib from 'node:zlib'
import { TidemarkError } from '../errors.ts'

/** @throws TidemarkError UNSUPPORTED_COMPRESSION_TYPE where there is none */
export function checkZstd(): void {
  if (typeof zlib.zstdCompressSync === 'function') return
  throw new TidemarkError(
    'UNSUPPORTED_COMPRESSION_TYPE',
    `Node ${process.version} has no zstd. Use Node 22.15 or later, or another compression.`,
  )
}
