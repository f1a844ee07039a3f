import fc from 'fast-check'
import { expect, test } from 'vitest'
import { gatherSmallChunks } from '../../../src/core/segment/chunks.ts'

const chunk = fc
  .oneof(fc.nat({ max: 50 }), fc.integer({ min: 4_000, max: 4_200 }), fc.nat({ max: 300_000 }))
  .chain(length => fc.nat({ max: 255 }).map(byte => new Uint8Array(length).fill(byte)))

test('gathered chunks hold the same bytes, in no more chunks', () => {
  fc.assert(
    fc.property(fc.array(chunk, { maxLength: 60 }), chunks => {
      const gathered = gatherSmallChunks(chunks)
      expect(Buffer.concat(gathered).equals(Buffer.concat(chunks))).toBe(true)
      expect(gathered.length).toBeLessThanOrEqual(chunks.length)
    }),
    { numRuns: 50 },
  )
})

test('thousands of small chunks become a few', () => {
  const chunks = Array.from({ length: 10_000 }, (_, number) => new Uint8Array(100).fill(number))
  const gathered = gatherSmallChunks(chunks)
  expect(gathered.length).toBeLessThan(10)
  expect(Buffer.concat(gathered).equals(Buffer.concat(chunks))).toBe(true)
})

test('large chunks are passed on and not copied', () => {
  const large = new Uint8Array(5_000)
  const gathered = gatherSmallChunks([new Uint8Array(1), large, new Uint8Array(1), new Uint8Array(2)])
  expect(gathered.map(({ length }) => length)).toEqual([1, 5_000, 3])
  expect(gathered[1]).toBe(large)
})

test('of nothing comes nothing', () => {
  expect(gatherSmallChunks([])).toEqual([])
})
