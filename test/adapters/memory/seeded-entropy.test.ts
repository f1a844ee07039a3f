import { expect, test } from 'vitest'
import { SeededEntropy } from '../../../src/adapters/memory/seeded-entropy.ts'

test('the same seed draws the same, another seed something else', () => {
  const draw = (seed: number) => {
    const entropy = new SeededEntropy(seed)
    return [
      entropy.id(),
      entropy.fraction(),
      entropy.integer(1, 6),
      entropy.pick(['a', 'b', 'c']),
      entropy.id(),
    ]
  }
  expect(draw(1)).toEqual(draw(1))
  expect(draw(1)).not.toEqual(draw(2))
  // A failing run's seed must repeat it next year too.
  expect(new SeededEntropy(1).id()).toBe('a25132f41efa0761332b56b3d1aedb87')
})

test('ids are 32 hexadecimal digits, each another', () => {
  const entropy = new SeededEntropy(7)
  const ids = Array.from({ length: 10_000 }, () => entropy.id())
  expect(ids.every(id => /^[0-9a-f]{32}$/.test(id))).toBe(true)
  expect(new Set(ids).size).toBe(10_000)
})

test('fractions are from 0 to below 1, and spread evenly', () => {
  const entropy = new SeededEntropy(7)
  const tenths = new Array<number>(10).fill(0)
  for (let number = 0; number < 10_000; number += 1) {
    const fraction = entropy.fraction()
    expect(fraction >= 0 && fraction < 1).toBe(true)
    tenths[Math.floor(fraction * 10)]! += 1
  }
  for (const count of tenths) expect(count).toBeGreaterThan(800)
})

test('whole numbers include both ends', () => {
  const entropy = new SeededEntropy(7)
  const drawn = new Set(Array.from({ length: 1_000 }, () => entropy.integer(3, 6)))
  expect([...drawn].sort()).toEqual([3, 4, 5, 6])
})
