import { gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import * as withoutNative from '../../../functions/without-native/lz4-napi.ts'
import { type CompressionName, decodeBatch, encodeBatch } from '../../../src/core/record/index.ts'
import { compressSnappy } from '../../../src/core/record/snappy-stream.ts'
import { forgeCompressed, rawCompress } from './forge.ts'

const RECORDS = 3_000
const plain = encodeBatch(
  Array.from({ length: RECORDS }, (_, index) => ({ value: Buffer.from(`value ${index}`) })),
  { nowMs: 0 },
).subarray(61)

const compress: Record<Exclude<CompressionName, 'none'>, (bytes: Uint8Array) => Uint8Array> = {
  gzip: bytes => gzipSync(bytes),
  snappy: compressSnappy,
  lz4: rawCompress.lz4,
  zstd: bytes => zstdCompressSync(bytes),
}

/** zstd and LZ4 share it; the last four bits of its magic are anybody's. */
const skippable = Buffer.from([0x5d, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4])
const emptySkippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0])

/** In as many pieces, each compressed by itself. */
function pieces(name: keyof typeof compress, count: number): Uint8Array[] {
  const size = Math.ceil(plain.length / count)
  return Array.from({ length: count }, (_, index) =>
    compress[name](plain.subarray(index * size, (index + 1) * size)),
  )
}

function readValues(name: CompressionName, parts: Uint8Array[]): string[] {
  const { records } = decodeBatch(forgeCompressed(name, Buffer.concat(parts), RECORDS))
  return records.map(({ value }) => Buffer.from(value!).toString())
}

const values = Array.from({ length: RECORDS }, (_, index) => `value ${index}`)

describe.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)('%s', name => {
  test.each([1, 2, 3, 500])('is read to the end of its input, in %i pieces', count => {
    expect(readValues(name, pieces(name, count))).toEqual(values)
  })

  test('may have pieces of nothing', () => {
    const nothing = compress[name](new Uint8Array(0))
    const [first, second] = pieces(name, 2)
    expect(readValues(name, [nothing, first!, nothing, nothing, second!, nothing])).toEqual(values)
  })
})

describe.each(['lz4', 'zstd'] as const)('skippable frames of %s', name => {
  test('are skipped wherever they stand', () => {
    const [first, second] = pieces(name, 2)
    expect(readValues(name, [skippable, first!, emptySkippable, skippable, second!, skippable])).toEqual(
      values,
    )
  })

  test('are no records', () => {
    expect(() => readValues(name, [skippable])).toThrow(
      expect.objectContaining({ kafkaName: 'INVALID_RECORD' }),
    )
  })

  test('have to end', () => {
    const parts = [...pieces(name, 1), skippable.subarray(0, 11)]
    expect(() => readValues(name, parts)).toThrow(expect.objectContaining({ kafkaName: 'INVALID_RECORD' }))
  })
})

test('a frame of zstd with something behind it that is none is refused', () => {
  const parts = [...pieces('zstd', 1), Uint8Array.of(1, 2, 3, 4, 5)]
  expect(() => readValues('zstd', parts)).toThrow(expect.objectContaining({ kafkaName: 'INVALID_RECORD' }))
})

test('functions, which have a reader of LZ4 of their own, are given one frame at a time', () => {
  const [frame] = pieces('lz4', 1)
  expect(Buffer.compare(withoutNative.decompressFrameSync(Buffer.from(frame!)), plain)).toBe(0)
})
