import { expect, test } from 'vitest'
import { SharedLook } from '../../src/core/shared-look.ts'

function looks() {
  const ends: ((seen: number) => void)[] = []
  const look = new SharedLook(() => new Promise<number>(resolve => ends.push(resolve)))
  return { look, ends }
}

test('whoever asks while a look goes on gets the next one, which all of them share', async () => {
  const { look, ends } = looks()
  const first = look.run()
  const others = [look.run(), look.run(), look.run()]
  expect(ends).toHaveLength(1)
  ends[0]!(1)
  expect(await first).toBe(1)
  await Promise.resolve()
  const late = look.run()
  expect(ends).toHaveLength(2)
  ends[1]!(2)
  expect(await Promise.all(others)).toEqual([2, 2, 2])
  await Promise.resolve()
  expect(ends).toHaveLength(3)
  ends[2]!(3)
  expect(await late).toBe(3)
})

test('a look that fails is told to those who share it, and the next one begins all the same', async () => {
  let looked = 0
  const look = new SharedLook(async () => {
    looked += 1
    if (looked === 1) throw new Error('no store')
    return looked
  })
  const [first, second] = [look.run(), look.run()]
  await expect(first).rejects.toThrow('no store')
  expect(await second).toBe(2)
  expect(await look.run()).toBe(3)
})
