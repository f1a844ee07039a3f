import { expect, test } from 'vitest'
import { PausedPartitions } from '../../../../src/client/sdk/consuming/paused-partitions.ts'

const OWNED = [0, 1, 2].map(partition => ({ topic: 'tides', partition }))

function goingOn(paused: PausedPartitions): number[] {
  return OWNED.filter(({ topic, partition }) => !paused.has(topic, partition)).map(
    ({ partition }) => partition,
  )
}

test('of a topic that is paused as a whole some partitions go on', () => {
  const paused = new PausedPartitions()
  paused.pause([{ topic: 'tides' }])
  expect(goingOn(paused)).toEqual([])
  expect(paused.list(OWNED)).toEqual([{ topic: 'tides' }])
  paused.resume([{ topic: 'tides', partitions: [1] }])
  expect(goingOn(paused)).toEqual([1])
  expect(paused.list(OWNED)).toEqual([{ topic: 'tides', partitions: [0, 2] }])
  // One that comes later is of the whole.
  expect(paused.has('tides', 3)).toBe(true)
  paused.pause([{ topic: 'tides', partitions: [1] }])
  expect(paused.list(OWNED)).toEqual([{ topic: 'tides' }])
  paused.resume([{ topic: 'tides' }])
  expect(goingOn(paused)).toEqual([0, 1, 2])
  expect(paused.list(OWNED)).toEqual([])
})

test('pausing a part leaves the whole paused', () => {
  const paused = new PausedPartitions()
  paused.pause([{ topic: 'tides' }])
  paused.pause([{ topic: 'tides', partitions: [0] }])
  expect(goingOn(paused)).toEqual([])
})

test('what is named is paused, whether it is owned or not', () => {
  const paused = new PausedPartitions()
  paused.pause([{ topic: 'ebbs', partitions: [10, 2] }])
  paused.resume([{ topic: 'ebbs', partitions: [10, 11] }, { topic: 'none' }])
  expect(paused.list(OWNED)).toEqual([{ topic: 'ebbs', partitions: [2] }])
  expect(goingOn(paused)).toEqual([0, 1, 2])
})
