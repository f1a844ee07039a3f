import { expect, test } from 'vitest'
import { Lane } from '../../src/core/turns.ts'

test('in a lane so many go at a time, in their order, and the last one is told of how many wait', async () => {
  const lane = new Lane(2)
  const begun: number[] = []
  const waiting: number[] = []
  let underWay = 0
  const all = Array.from({ length: 7 }, (_, index) =>
    lane.run(async () => {
      begun.push(index)
      waiting.push(lane.waiting)
      underWay += 1
      expect(underWay).toBeLessThanOrEqual(2)
      await null
      underWay -= 1
      if (index === 3) throw new Error('one of them fails')
    }),
  )
  await Promise.allSettled(all)
  expect(begun).toEqual([0, 1, 2, 3, 4, 5, 6])
  expect(waiting.at(-1)).toBe(0)
  await lane.run(async () => void begun.push(7))
  expect(begun.at(-1)).toBe(7)
})

test('two hundred thousand that wait take their turns in no time', async () => {
  const lane = new Lane(8)
  let done = 0
  const all = Array.from({ length: 200_000 }, () => lane.run(async () => void done++))
  await Promise.all(all)
  expect([done, lane.waiting]).toEqual([200_000, 0])
}, 10_000)
