import { expect, test } from 'vitest'
import { SeededEntropy } from '../../../src/adapters/memory/seeded-entropy.ts'
import { ReferredObjects } from '../../../src/broker/verifying/referred-objects.ts'

function idsOf(seed: number, count: number): string[] {
  const entropy = new SeededEntropy(seed)
  return Array.from({ length: count }, () => entropy.id())
}

test('what was added is known, and nothing else', () => {
  const referred = new ReferredObjects()
  const [added, others] = [idsOf(1, 100_000), idsOf(2, 100_000)]
  for (const id of [...added, ...added]) referred.add(id)
  expect(added.filter(id => !referred.has(id))).toEqual([])
  expect(others.filter(id => referred.has(id))).toEqual([])
  expect(referred.isFull).toBe(false)
})

test('an id of zeros is one as any other', () => {
  const referred = new ReferredObjects()
  expect(referred.has('0'.repeat(32))).toBe(false)
  referred.add('0'.repeat(32))
  expect(referred.has('0'.repeat(32))).toBe(true)
})

test('beyond its bound it says that it does not know all', () => {
  const referred = new ReferredObjects(4_096)
  for (const id of idsOf(3, 3_000)) referred.add(id)
  expect(referred.isFull).toBe(false)
  for (const id of idsOf(4, 3_000)) referred.add(id)
  expect(referred.isFull).toBe(true)
  expect(idsOf(3, 3_000).filter(id => !referred.has(id))).toEqual([])
})
