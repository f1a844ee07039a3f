import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { batchesOf } from '../../../src/core/batches/batch-run.ts'
import { type Stretch, stretchesOf, stretchFrom } from '../../../src/core/batches/stretches.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { patchOffsets } from '../../../src/core/record/batch-header.ts'
import { batchOf, joined, numbered } from '../../broker/harness.ts'

/** Batches of so many records each; `at` is where each begins. */
function runOf(...counts: readonly number[]): { bytes: Uint8Array; at: number[] } {
  const batches = counts.map(count => batchOf(numbered(0, count), { padding: 10 }))
  let next = 0
  const at = batches.map(({ length }) => {
    const begins = next
    next += length
    return begins
  })
  return { bytes: joined(batches), at }
}

const BASE = toOffset(100)

/** What each stretch is, and from where to where. */
const shapeOf = (stretches: readonly Stretch[]) =>
  stretches.map(({ kind, baseOffset, end }) => [kind, baseOffset, end])

/** Flips a bit of a record. */
const spoil = (bytes: Uint8Array, position: number) => {
  bytes[position + 70]! ^= 1
}

describe('of a run whose offsets are counted', () => {
  test('a whole one is one stretch, with the final offsets in it', () => {
    const { bytes } = runOf(2, 3)
    const [stretch, ...others] = stretchesOf(bytes, BASE, toOffset(105), 'counted')
    expect([stretch!.kind, others]).toEqual(['batches', []])
    expect([...batchesOf(bytes, BASE, 'stored')].map(({ offset }) => offset)).toEqual([100, 102])
  })

  test('a damaged batch among whole ones is one by itself, and bears the offsets that it covers', () => {
    const { bytes, at } = runOf(2, 3, 1)
    spoil(bytes, at[1]!)
    expect(shapeOf(stretchesOf(bytes, BASE, toOffset(106), 'counted'))).toEqual([
      ['batches', 100, 102],
      ['damaged', 102, 105],
      ['batches', 105, 106],
    ])
    expect(Buffer.from(bytes).readBigInt64BE(at[1]!)).toBe(102n)
  })

  test('behind a size that leads nowhere all is damaged', () => {
    const { bytes, at } = runOf(2, 3, 1)
    Buffer.from(bytes.buffer).writeInt32BE(77, at[1]! + 8)
    const stretches = stretchesOf(bytes, BASE, toOffset(106), 'counted')
    expect(shapeOf(stretches)).toEqual([
      ['batches', 100, 102],
      ['damaged', 102, 106],
    ])
    expect(stretches[1]).toMatchObject({ bytes: bytes.subarray(at[1]!) })
  })

  test('what is cut off is damaged, and where nothing is left of it lost', () => {
    const { bytes, at } = runOf(2, 3)
    expect(shapeOf(stretchesOf(bytes.slice(0, at[1]! + 90), BASE, toOffset(105), 'counted'))).toEqual([
      ['batches', 100, 102],
      ['damaged', 102, 105],
    ])
    expect(shapeOf(stretchesOf(bytes.slice(0, at[1]!), BASE, toOffset(105), 'counted'))).toEqual([
      ['batches', 100, 102],
      ['lost', 102, 105],
    ])
  })
})

describe('of a run whose offsets are stored', () => {
  const stored = (gap: number) => {
    const run = runOf(2, 3)
    patchOffsets(run.bytes, run.at[0]!, 100, 0)
    patchOffsets(run.bytes, run.at[1]!, 102 + gap, 0)
    return run
  }

  test('holes within and behind are parts of the stretch', () => {
    const { bytes } = stored(7)
    expect(shapeOf(stretchesOf(bytes, BASE, toOffset(200), 'stored'))).toEqual([['batches', 100, 200]])
    expect(shapeOf(stretchesOf(new Uint8Array(), BASE, toOffset(200), 'stored'))).toEqual([
      ['batches', 100, 200],
    ])
  })

  test('a damaged batch takes the hole before it along, and the last one that behind it', () => {
    const { bytes, at } = stored(7)
    spoil(bytes, at[1]!)
    expect(shapeOf(stretchesOf(bytes, BASE, toOffset(200), 'stored'))).toEqual([
      ['batches', 100, 102],
      ['damaged', 102, 200],
    ])
  })

  test('a base that lies before where the last one ended is damage', () => {
    const { bytes, at } = stored(0)
    patchOffsets(bytes, at[1]!, 101, 0)
    expect(shapeOf(stretchesOf(bytes, BASE, toOffset(105), 'stored'))).toEqual([
      ['batches', 100, 102],
      ['damaged', 102, 105],
    ])
  })

  test('from the end of a batch on, what lies before is left out', () => {
    const { bytes, at } = stored(7)
    const [whole] = stretchesOf(bytes, BASE, toOffset(200), 'stored')
    expect(stretchFrom(whole!, toOffset(100))).toBe(whole)
    const rest = stretchFrom(whole!, toOffset(102))
    expect(rest).toMatchObject({ baseOffset: 102, end: 200, bytes: bytes.subarray(at[1]!) })
    expect(stretchFrom(whole!, toOffset(150))).toMatchObject({ baseOffset: 150, bytes: new Uint8Array() })
    expect(stretchFrom(whole!, toOffset(200))).toBe(undefined)
    const lost = { kind: 'lost', baseOffset: toOffset(90), end: toOffset(110) } as const
    expect(stretchFrom(lost, toOffset(100))).toEqual({ ...lost, baseOffset: 100 })
  })
})

test('whatever is spoilt, stretches cover the run without a gap and without a doubled byte', () => {
  const property = fc.property(
    fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 6 }),
    fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { maxLength: 4 }),
    fc.option(fc.nat()),
    (counts, flips, cut) => {
      const { bytes } = runOf(...counts)
      for (const [place, bits] of flips) bytes[place % bytes.length]! ^= bits
      const left = cut === null ? bytes : bytes.slice(0, cut % bytes.length)
      const end = toOffset(100 + counts.reduce((sum, count) => sum + count, 0))
      const stretches = stretchesOf(left, BASE, end, 'counted')
      let next: number = BASE
      let taken = 0
      for (const stretch of stretches) {
        expect(stretch.baseOffset).toBe(next)
        expect(stretch.end).toBeGreaterThan(next)
        next = stretch.end
        if (stretch.kind === 'lost') continue
        taken += stretch.bytes.length
        if (stretch.kind === 'batches')
          expect(() => [...batchesOf(stretch.bytes, stretch.baseOffset, 'stored', stretch.end)]).not.toThrow()
      }
      expect(next).toBe(end)
      expect(taken).toBeLessThanOrEqual(left.length)
    },
  )
  fc.assert(property, { numRuns: 300 })
})
