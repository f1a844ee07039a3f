import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  VarintReader,
  varintSizeBytes,
  varlongSizeBytes,
  writeVarint,
  writeVarlong,
} from '../../../src/core/record/varint.ts'
import { errorOf } from './errors-of.ts'

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const safe = fc.oneof(
  fc.maxSafeInteger(),
  int32,
  fc.integer({ min: 0, max: 53 }).map(bits => Math.min(2 ** bits, Number.MAX_SAFE_INTEGER)),
  fc.integer({ min: 0, max: 53 }).map(bits => -Math.min(2 ** bits, Number.MAX_SAFE_INTEGER)),
)

/** The definition, in bigints. */
function zigzag(value: bigint): number[] {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  bytes.push(Number(rest))
  return bytes
}

function written(write: typeof writeVarint, value: number): number[] {
  const bytes = new Uint8Array(12)
  return [...bytes.subarray(0, write(bytes, 0, value))]
}

function reader(bytes: number[]): VarintReader {
  return new VarintReader(Uint8Array.from(bytes), 0)
}

describe('varint', () => {
  test('is as defined, as long as foretold, and comes back', () => {
    fc.assert(
      fc.property(int32, value => {
        const bytes = written(writeVarint, value)
        expect(bytes).toEqual(zigzag(BigInt(value)))
        expect(varintSizeBytes(value)).toBe(bytes.length)
        const varints = reader(bytes)
        expect(varints.readVarint()).toBe(value)
        expect(varints.position).toBe(bytes.length)
      }),
      { examples: [[0], [-1], [63], [64], [-64], [-65], [2 ** 31 - 1], [-(2 ** 31)]] },
    )
  })

  test('wider than 32 bits is refused', () => {
    expect(errorOf(() => reader([0xff, 0xff, 0xff, 0xff, 0x0f]).readVarint())).toBe('none')
    expect(errorOf(() => reader([0xff, 0xff, 0xff, 0xff, 0x10]).readVarint())).toBe('INVALID_RECORD')
    expect(errorOf(() => reader([0xff, 0xff, 0xff, 0xff, 0xff, 0]).readVarint())).toBe('INVALID_RECORD')
  })
})

describe('varlong', () => {
  test('is as defined, as long as foretold, and comes back', () => {
    fc.assert(
      fc.property(safe, value => {
        const bytes = written(writeVarlong, value)
        expect(bytes).toEqual(zigzag(BigInt(value)))
        expect(varlongSizeBytes(value)).toBe(bytes.length)
        const varints = reader(bytes)
        expect(varints.readVarlong()).toBe(value)
        expect(varints.position).toBe(bytes.length)
      }),
      { examples: [[0], [-1], [2 ** 31], [-(2 ** 31) - 1], [2 ** 53 - 1], [-(2 ** 53 - 1)]] },
    )
  })

  test('that is no safe integer, or wider than 64 bits, is refused', () => {
    for (const value of [2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n), -(2n ** 53n) - 1n]) {
      expect(errorOf(() => reader(zigzag(value)).readVarlong())).toBe('INVALID_RECORD')
    }
    const endless = new Array(12).fill(0x80)
    expect(errorOf(() => reader(endless).readVarlong())).toBe('INVALID_RECORD')
  })
})

test('reading past the end ends, and tells by its position', () => {
  for (const bytes of [[], [0x80], [0xff, 0xff]]) {
    const short = reader(bytes)
    short.readVarint()
    expect(short.position).toBeGreaterThan(bytes.length)
    const long = reader(bytes)
    long.readVarlong()
    expect(long.position).toBeGreaterThan(bytes.length)
  }
})
