import { randomBytes } from 'node:crypto'
import { crc32c as nativeCrc32c } from '@node-rs/crc32'
import fc from 'fast-check'
import { compressFrameSync, decompressFrameSync as nativeDecompressFrame } from 'lz4-napi'
import { compressSync, uncompressSync as nativeUncompress } from 'snappy'
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

/** As applications write them. */
const orders = Buffer.from(
  Array.from({ length: 2_000 }, (_, number) =>
    JSON.stringify({
      orderId: Math.imul(number + 1, 0x9e3779b1) >>> 0,
      customer: `customer-${(number * 7_919) % 997}`,
      items: Array.from({ length: number % 4 }, (_, item) => ({
        sku: `A-${(number * 31 + item) % 5_000}`,
        count: item + 1,
      })),
      state: ['placed', 'paid', 'shipped'][number % 3],
    }),
  ).join(),
)

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
  {
    name: 'snappy',
    native: { compress: (bytes: Buffer) => compressSync(bytes), decompress: nativeUncompress },
    compress: snappy.compressSync,
    decompress: snappy.uncompressSync,
  },
  {
    name: 'lz4',
    native: { compress: (bytes: Buffer) => compressFrameSync(bytes), decompress: nativeDecompressFrame },
    compress: lz4.compressFrameSync,
    decompress: (frame: Uint8Array) => lz4.decompressFrameSync(Buffer.from(frame)),
  },
])('$name in JavaScript', ({ native, compress, decompress }) => {
  const both = (written: Uint8Array) => [
    Buffer.from(decompress(written)),
    Buffer.from(native.decompress(Buffer.from(written))),
  ]

  test('reads what the native one writes', () => {
    fc.assert(
      fc.property(compressible, bytes => {
        expect(Buffer.compare(decompress(native.compress(bytes)), bytes)).toBe(0)
      }),
      { numRuns: 500 },
    )
  })

  test('also many bytes', () => {
    expect(Buffer.compare(decompress(native.compress(large)), large)).toBe(0)
  })

  test('refuses what is damaged, or reads something of it, and never runs away', () => {
    const block = native.compress(large.subarray(290_000, 310_000))
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

  test('writes what it and the native one read', () => {
    fc.assert(
      fc.property(compressible, bytes => {
        const written = compress(bytes)
        for (const read of both(written)) expect(Buffer.compare(read, bytes)).toBe(0)
        expect(written.length).toBeLessThanOrEqual(bytes.length + bytes.length / 64 + 32)
      }),
      { numRuns: 1_000 },
    )
  })

  test.each([
    0, 1, 3, 4, 5, 11, 12, 13, 14, 15, 16, 18, 19, 20, 64, 65, 269, 270, 271, 65_535, 65_536, 65_537,
  ])('writes %d bytes, the same ones and any', length => {
    const same = Buffer.alloc(length, 'a')
    const any = Buffer.from(Array.from({ length }, (_, at) => Math.imul(at ^ (at >>> 3), 0x9e3779b1) >>> 23))
    for (const bytes of [same, any, Buffer.concat([any, same, any])]) {
      for (const read of both(compress(bytes))) expect(Buffer.compare(read, bytes)).toBe(0)
    }
  })

  test('writes many bytes, hardly larger than the native one does', () => {
    for (const read of both(compress(large))) expect(Buffer.compare(read, large)).toBe(0)
    const written = compress(orders)
    for (const read of both(written)) expect(Buffer.compare(read, orders)).toBe(0)
    expect(written.length / native.compress(orders).length).toBeLessThan(1.2)
    // What has nothing to pack.
    const random = randomBytes(200_000)
    for (const read of both(compress(random))) expect(Buffer.compare(read, random)).toBe(0)
    expect(compress(random).length).toBeLessThan(200_100)
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
