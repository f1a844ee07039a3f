import { crc32 } from 'node:zlib'

/** CRC-32 as S3 wants it: the one of its checksums that Node computes at memory's speed. */
export function checksumOf(bytes: Uint8Array): string {
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(crc32(bytes))
  return sum.toString('base64')
}
