import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CLEANER_MAP_BYTES } from '../../../../src/core/limits.ts'
import { type KeyHash, keyHash } from '../../../../src/core/log/compaction/key-hash.ts'
import { KeyMap } from '../../../../src/core/log/compaction/key-map.ts'
import { toOffset } from '../../../../src/core/numbers.ts'

const MiB = 1024 * 1024
const nameOf = (number: number) => Buffer.from(`key ${number}`)

/** Keys of which many have the same first slot, though they differ. */
const poorHash: KeyHash = (key, words) => {
  keyHash(key, words)
  words[0]! &= 0x8000_0000
}

test.each([
  ['as they are', keyHash],
  ['that are alike', poorHash],
])('a map has the newest offset of every key, with hashes %s', (_, hash) => {
  const put = fc.tuple(
    fc.nat({ max: 40 }),
    fc.oneof(
      fc.nat({ max: 1_000 }),
      fc.maxSafeNat().map(offset => Math.min(offset, 2 ** 53 - 2)),
    ),
  )
  fc.assert(
    fc.property(fc.array(put, { maxLength: 200 }), puts => {
      const map = new KeyMap(41, MiB, hash)
      const known = new Map<number, number>()
      for (const [number, offset] of puts) {
        expect(map.put(nameOf(number), toOffset(offset))).toBe(true)
        known.set(number, Math.max(offset, known.get(number) ?? 0))
      }
      for (let number = 0; number <= 41; number++) expect(map.latest(nameOf(number))).toBe(known.get(number))
      expect(map.keys).toBe(known.size)
    }),
  )
})

test('a map takes as many keys as it was made for, and then only those that it has', () => {
  const map = new KeyMap(1_000, 50 * 23, keyHash)
  let taken = 0
  while (map.put(nameOf(taken), toOffset(taken))) taken += 1
  expect(taken).toBe(37)
  expect(map.bytes).toBe(50 * 23)
  expect(map.latest(nameOf(taken))).toBeUndefined()
  expect(map.put(nameOf(3), toOffset(99))).toBe(true)
  expect(map.latest(nameOf(3))).toBe(99)
  expect(map.keys).toBe(37)
})

test('a million keys take less than 36 MB, whatever their length', () => {
  const count = 1_000_000
  const map = new KeyMap(count, 32 * MiB, keyHash)
  for (let number = 0; number < count; number++) {
    if (
      !map.put(Buffer.from(`a key that is longer than its hash, with the number ${number}`), toOffset(number))
    ) {
      throw new Error(`no room for key ${number}`)
    }
  }
  expect(map.keys).toBe(count)
  expect(map.bytes).toBeLessThan(36_000_000)
  for (let number = 0; number < count; number += 9_973) {
    expect(map.latest(Buffer.from(`a key that is longer than its hash, with the number ${number}`))).toBe(
      number,
    )
  }
})

test('the table has no more than its bound, and no more than its keys need', () => {
  expect(new KeyMap(10, CLEANER_MAP_BYTES, keyHash).bytes).toBeLessThan(500)
  const largest = new KeyMap(1e9, CLEANER_MAP_BYTES, keyHash)
  expect(largest.bytes).toBeLessThanOrEqual(CLEANER_MAP_BYTES)
  const smallest = new KeyMap(0, 0, keyHash)
  expect([1, 2].map(number => smallest.put(nameOf(number), toOffset(number)))).toEqual([true, false])
  expect(smallest.latest(nameOf(2))).toBeUndefined()
})

test('a map that is released gives its memory back at once', () => {
  const map = new KeyMap(1_000_000, CLEANER_MAP_BYTES, keyHash)
  const { bytes } = map
  const before = process.memoryUsage().arrayBuffers
  map.release()
  expect(before - process.memoryUsage().arrayBuffers).toBeGreaterThanOrEqual(bytes)
  expect(map.bytes).toBe(0)
})
