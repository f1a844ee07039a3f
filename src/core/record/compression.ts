// As a whole: Node 20 has no zstd, and a name that a module lacks would keep it from loading.
import zlib from 'node:zlib'
import type { CompressionName } from './compression-name.ts'
import { compressLz4 } from './lz4-frame.ts'
import { compressSnappy } from './snappy-stream.ts'
import { checkZstd } from './zstd-support.ts'

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
