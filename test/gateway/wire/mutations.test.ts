import { expect, test } from 'vitest'
import { decodeMutations } from '../../hostile/frames/decoding.ts'

const FRAMES = 20_000

test('a damaged request is decoded, or told to be none: nothing else', () => {
  const { decoded, refused, failures } = decodeMutations(14, FRAMES)
  expect(failures).toEqual([])
  expect(decoded + refused).toBe(FRAMES)
  // Both happen often enough to mean something.
  expect(Math.min(decoded, refused)).toBeGreaterThan(FRAMES / 4)
})
