import { setImmediate as nextRound } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { LoopRounds } from '../../../src/adapters/local/loop-rounds.ts'

async function countRounds(work: Promise<unknown>): Promise<number> {
  let isOver = false
  const over = () => {
    isOver = true
  }
  work.then(over, over)
  let rounds = 0
  for (; !isOver; rounds++) await nextRound()
  return rounds
}

test('a few reads wait for nothing', () => {
  const rounds = new LoopRounds()
  expect(Array.from({ length: 100 }, () => rounds.begin(1))).toEqual(
    Array.from({ length: 100 }, () => undefined),
  )
})

test('whoever reads on and on lets the loop go round, also where others do the same', async () => {
  const rounds = new LoopRounds()
  const read = async () => {
    for (let index = 0; index < 1_000; index++) await rounds.begin(1)
  }
  expect(await countRounds(read())).toBeGreaterThanOrEqual(9)
  expect(await countRounds(Promise.all(Array.from({ length: 20 }, read)))).toBeGreaterThanOrEqual(190)
})

test('those who wait go on in order, as many as a round has room for', async () => {
  const rounds = new LoopRounds()
  rounds.begin(100)
  const order: number[] = []
  for (const [index, steps] of [60, 60, 1].entries()) void rounds.begin(steps)?.then(() => order.push(index))
  await nextRound()
  expect(order).toEqual([0, 1])
  await nextRound()
  expect(order).toEqual([0, 1, 2])
})

test('what was more than was thought counts', async () => {
  const rounds = new LoopRounds()
  rounds.begin(1)
  rounds.add(500)
  let isThere = false
  const waited = rounds.begin(1)?.then(() => {
    isThere = true
  })
  expect(isThere).toBe(false)
  await waited
  expect(isThere).toBe(true)
})
