import { gzipSync, zstdCompressSync } from 'node:zlib'
import { crc32c } from '@node-rs/crc32'
import { compressFrameSync } from 'lz4-napi'
import { RECORD_BYTES_MIN } from '../../../src/core/record/batch-layout.ts'
import { compress } from '../../../src/core/record/compression.ts'
import { type CompressionName, encodeBatch, type RecordInput } from '../../../src/core/record/index.ts'
import { VarintReader } from '../../../src/core/record/varint.ts'

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

export interface GappedRecord extends RecordInput {
  /** How far its offset lies behind the batch's. */
  readonly delta: number
  readonly timestampMs: number
}

export interface GappedOptions {
  readonly compression?: CompressionName
  readonly baseOffset?: number
  /** The last record's delta when it is left out; 0 without records. */
  readonly lastOffsetDelta?: number
}

/**
 * A batch as compaction leaves it, and some as it does not: fewer records than offsets, or none. Made of dense ones, whose
 * offset deltas are written anew.
 */
export function gapped(records: readonly GappedRecord[], options: GappedOptions = {}): Uint8Array {
  const { compression = 'none', baseOffset = 0 } = options
  const lastOffsetDelta = options.lastOffsetDelta ?? records.at(-1)?.delta ?? 0
  const baseTimestamp = records[0]?.timestampMs ?? 0
  const plain = Buffer.concat(records.map(record => gappedRecord(record, baseTimestamp)))
  // So the right code is in the attributes.
  const model = encodeBatch([{ timestampMs: baseTimestamp }], { compression })
  const payload = compression === 'none' || plain.length === 0 ? plain : compress(compression, plain)
  const batch = Uint8Array.from([...model.subarray(0, 61), ...payload])
  const view = new DataView(batch.buffer)
  view.setBigInt64(0, BigInt(baseOffset))
  view.setInt32(8, batch.length - 12)
  view.setInt32(23, lastOffsetDelta)
  view.setBigInt64(35, BigInt(Math.max(-1, ...records.map(({ timestampMs }) => timestampMs))))
  view.setInt32(57, records.length)
  return reseal(batch)
}

function gappedRecord({ delta, ...record }: GappedRecord, baseTimestamp: number): Uint8Array {
  const dense = encodeBatch([{ timestampMs: baseTimestamp }, record]).subarray(61)
  // The first one is as short as can be; behind the second one's length and attributes come its timestamp and its delta of 1.
  const body = new VarintReader(dense, 1 + RECORD_BYTES_MIN - 1)
  body.readVarint()
  const start = body.position
  body.position++
  body.readVarlong()
  const deltaAt = body.position
  const parts = [...dense.subarray(start, deltaAt), ...varint(delta), ...dense.subarray(deltaAt + 1)]
  return Uint8Array.from([...varint(parts.length), ...parts])
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
