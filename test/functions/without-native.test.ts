import { crc32c as nativeCrc32c } from '@node-rs/crc32'
import fc from 'fast-check'
import { compressFrameSync } from 'lz4-napi'
import { compressSync } from 'snappy'
import { describe, expect, test } from 'vitest'
import * as lz4 from '../../functions/without-native/lz4-napi.ts'
import { decompressFrameSync } from '../../functions/without-native/lz4-napi.ts'
import * as snappy from '../../functions/without-native/snappy.ts'
import { uncompressSync } from '../../functions/without-native/snappy.ts'
import { crc32c } from '../../src/core/record/crc32c.ts'

/** Bytes as records have them: runs that repeat near and far, and stretches that do not. */
const compressible = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 100 }),
      fc
        .tuple(fc.uint8Array({ minLength: 1, maxLength: 20 }), fc.integer({ min: 1, max: 400 }))
        .map(([pattern, times]) => Buffer.concat(Array.from({ length: times }, () => pattern))),
    ),
    { maxLength: 20 },
  )
  .map(parts => Buffer.concat([...parts, ...parts.toReversed()]))

const large = Buffer.concat([
  Buffer.alloc(300_000, 'the tide leaves a line on the sand; '),
  Buffer.from(Array.from({ length: 200_000 }, (_, at) => (at * 7_919) >>> 5)),
  Buffer.alloc(90_000),
])

describe('CRC-32C in JavaScript', () => {
  test('is what the native one says, of any bytes from any place on', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), fc.nat(40), (bytes, start) => {
        expect(crc32c(bytes.subarray(start))).toBe(nativeCrc32c(bytes.subarray(start)))
      }),
      { numRuns: 2_000 },
    )
  })

  test('also of many bytes', () => {
    expect(crc32c(large)).toBe(nativeCrc32c(large))
  })
})

describe.each([
  ['snappy', (bytes: Buffer) => compressSync(bytes), uncompressSync],
  ['lz4', (bytes: Buffer) => compressFrameSync(bytes), (frame: Buffer) => decompressFrameSync(frame)],
] as const)('%s in JavaScript', (name, compress, decompress) => {
  test('reads what the native one writes', () => {
    fc.assert(
      fc.property(compressible, bytes => {
        expect(Buffer.compare(decompress(compress(bytes)), bytes)).toBe(0)
      }),
      { numRuns: 500 },
    )
  })

  test('also many bytes', () => {
    expect(Buffer.compare(decompress(compress(large)), large)).toBe(0)
  })

  test('refuses what is damaged, or reads something of it, and never runs away', () => {
    const block = compress(large.subarray(290_000, 310_000))
    fc.assert(
      // Its first bytes are what the caller has checked: the length, or the frame's header and the block's size.
      fc.property(fc.integer({ min: 20, max: block.length - 9 }), fc.nat(255), (at, byte) => {
        const damaged = Buffer.from(block)
        damaged[at] = byte
        try {
          expect(decompress(damaged).length).toBeLessThan(256 * block.length)
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError)
        }
      }),
      { numRuns: 1_000 },
    )
  })

  test('writes nothing, and says what to do', () => {
    const write = name === 'snappy' ? snappy.compressSync : lz4.compressFrameSync
    expect(write).toThrow(/gzip or zstd/)
    expect(write).toThrow(expect.objectContaining({ kafkaName: 'UNSUPPORTED_COMPRESSION_TYPE' }))
  })
})

test('a snappy block that reaches before its beginning is refused', () => {
  // 8 bytes: a literal of one, then a copy of 7 from 2 back.
  expect(() => uncompressSync(Uint8Array.of(8, 0, 65, 0b000_011_01, 2))).toThrow(RangeError)
  expect(Buffer.from(uncompressSync(Uint8Array.of(8, 0, 65, 0b000_011_01, 1))).toString()).toBe('AAAAAAAA')
})

test('a snappy block that ends early or goes on too long is refused', () => {
  expect(() => uncompressSync(Uint8Array.of(2, 0, 65))).toThrow(RangeError)
  expect(() => uncompressSync(Uint8Array.of(1, 4, 65, 66))).toThrow(RangeError)
  expect(() => uncompressSync(Uint8Array.of(0x80))).toThrow(RangeError)
})

test('an lz4 block that grows beyond what its frame allows is refused before room is made for it', () => {
  // A literal, then a match of 255 × 400 bytes, in a frame of blocks of 64 KiB.
  const block = Buffer.concat([Buffer.of(0x1f, 65, 1, 0), Buffer.alloc(400, 255), Buffer.of(0, 0x00)])
  const header = Buffer.of(0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82)
  const size = Buffer.alloc(4)
  size.writeUInt32LE(block.length)
  const frame = Buffer.concat([header, size, block, Buffer.alloc(4)])
  expect(() => decompressFrameSync(frame)).toThrow('larger than the frame allows')
})
