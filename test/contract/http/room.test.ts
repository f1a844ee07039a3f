import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Room } from '../../../src/contract/http/room.ts'

const LIMITS = { bytesMax: 1_000, smallBytesMax: 100, smallOnlyBytes: 200 }

test('large ones leave to small ones what is theirs alone', () => {
  const room = new Room(LIMITS)
  const large = room.claim()
  expect(large.resize(801)).toBe(false)
  expect(large.resize(800)).toBe(true)
  expect(room.fits(101)).toBe(false)
  const small = [room.claim(), room.claim(), room.claim()]
  expect(small.map(claim => claim.resize(100))).toEqual([true, true, false])
  large.release()
  expect(small[2]!.resize(100)).toBe(true)
  // What small ones have, large ones cannot take.
  expect(large.resize(701)).toBe(false)
  expect(large.resize(700)).toBe(true)
})

test('one that is to be large is no small one while it begins, and one that grows becomes large', () => {
  const room = new Room(LIMITS)
  room.claim().resize(800)
  expect(room.claim(500).resize(10)).toBe(false)
  const growing = room.claim()
  expect(growing.resize(100)).toBe(true)
  expect(growing.resize(101)).toBe(false)
  expect(growing.bytes).toBe(100)
})

test('nothing is ever lost or taken twice, whatever is taken and given back', () => {
  const step = fc.record({
    nth: fc.nat({ max: 9 }),
    bytes: fc.oneof(fc.nat({ max: 120 }), fc.nat({ max: 1_200 })),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const room = new Room(LIMITS)
      const claims = Array.from({ length: 10 }, () => room.claim())
      for (const { nth, bytes } of steps) {
        const claim = claims[nth]!
        const before = claim.bytes
        const isTaken = claim.resize(bytes)
        expect(claim.bytes).toBe(isTaken ? bytes : before)
        const sum = (isSmall: boolean) =>
          claims.reduce((all, { bytes: each }) => (each <= 100 === isSmall ? all + each : all), 0)
        expect(sum(true) + sum(false)).toBeLessThanOrEqual(1_000)
        expect(sum(false)).toBeLessThanOrEqual(800)
      }
      for (const claim of claims) claim.release()
      expect(room.claim().resize(800)).toBe(true)
      expect(room.fits(100)).toBe(true)
    }),
  )
})
