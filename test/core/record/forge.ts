import { gzipSync, zstdCompressSync } from 'node:zlib'
import { crc32c } from '@node-rs/crc32'
import { compressFrameSync } from 'lz4-napi'
import { type CompressionName, encodeBatch } from '../../../src/core/record/index.ts'

const CODES: Record<CompressionName, number> = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 }

/** Sets the CRC right, so that only what comes after that check can refuse the batch. */
export function reseal(batch: Uint8Array): Uint8Array {
  new DataView(batch.buffer, batch.byteOffset).setUint32(17, crc32c(batch.subarray(21)))
  return batch
}

/** A batch with a right length and CRC, and whatever payload, count and compression code it is told. */
export function forge(payload: Uint8Array, options: { records?: number; code?: number } = {}): Uint8Array {
  const { records = 1, code = 0 } = options
  const header = encodeBatch([{ timestampMs: 0 }]).subarray(0, 61)
  const batch = Uint8Array.from([...header, ...payload])
  const view = new DataView(batch.buffer)
  view.setInt32(8, batch.length - 12)
  view.setInt16(21, code)
  view.setInt32(23, records - 1)
  view.setInt32(57, records)
  return reseal(batch)
}

export function forgeCompressed(name: CompressionName, payload: Uint8Array, records = 1): Uint8Array {
  return forge(payload, { records, code: CODES[name] })
}

/** Compressors whose input the encoder would refuse to make. */
export const rawCompress = {
  gzip: (bytes: Uint8Array): Uint8Array => gzipSync(bytes, { level: 9 }),
  zstd: (bytes: Uint8Array): Uint8Array => zstdCompressSync(bytes),
  lz4: (bytes: Uint8Array): Uint8Array => compressFrameSync(Buffer.from(bytes)),
}

/** Kafka's varint of a number of 32 bits. */
export function varint(value: number): number[] {
  const bytes: number[] = []
  let zigzag = ((value << 1) ^ (value >> 31)) >>> 0
  for (; zigzag >= 0x80; zigzag >>>= 7) bytes.push((zigzag & 0x7f) | 0x80)
  bytes.push(zigzag)
  return bytes
}

/** A record's bytes, its own length in front, of the parts after its attributes. */
export function rawRecord(...parts: number[][]): Uint8Array {
  const body = [0, ...parts.flat()]
  return Uint8Array.from([...varint(body.length), ...body])
}

/** xerial's stream around blocks of raw snappy. */
export function snappyStream(blocks: Uint8Array[]): Uint8Array {
  const header = Buffer.from('82534e4150505900' + '00000001' + '00000001', 'hex')
  return Buffer.concat([
    header,
    ...blocks.flatMap(block => {
      const length = Buffer.alloc(4)
      length.writeInt32BE(block.length)
      return [length, block]
    }),
  ])
}
