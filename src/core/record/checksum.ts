import { crc32c } from '@node-rs/crc32'
import { ATTRIBUTES_AT } from './batch-layout.ts'

/**
 * The CRC-32C (Castagnoli) that Kafka puts into a batch, as an unsigned 32-bit number: over everything
 * from the attributes on, so that the base offset and the leader epoch can change without it.
 */
export function batchChecksum(bytes: Uint8Array, position: number, sizeBytes: number): number {
  return checksum(bytes, position + ATTRIBUTES_AT, position + sizeBytes)
}

export function checksum(bytes: Uint8Array, start: number, end: number): number {
  return crc32c(bytes.subarray(start, end))
}
