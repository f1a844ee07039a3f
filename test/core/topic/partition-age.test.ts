import { expect, test } from 'vitest'
import { TOPIC_GROWTHS_MAX } from '../../../src/core/limits.ts'
import { afterGrowth, partitionCreatedMs, type TopicAge } from '../../../src/core/topic/partition-age.ts'

test('a partition is as old as the growth that it came with, or as its topic', () => {
  const topic = { createdMs: 100 }
  const once = { ...topic, grownMs: afterGrowth(topic, 2, 200) }
  const twice = { ...once, grownMs: afterGrowth(once, 10, 300) }
  const ages = [0, 1, 2, 9, 10, 11].map(partition => partitionCreatedMs(twice, partition))
  expect(ages).toEqual([100, 100, 200, 200, 300, 300])
  expect(partitionCreatedMs(topic, 5)).toBe(100)
})

test('the latest growths are remembered; what came with others is as old as the topic', () => {
  let topic: TopicAge = { createdMs: 1 }
  for (let first = 1; first <= TOPIC_GROWTHS_MAX + 5; first += 1) {
    topic = { ...topic, grownMs: afterGrowth(topic, first, 1_000 + first) }
  }
  expect(Object.keys(topic.grownMs!)).toHaveLength(TOPIC_GROWTHS_MAX)
  expect(partitionCreatedMs(topic, 5)).toBe(1)
  expect(partitionCreatedMs(topic, 6)).toBe(1_006)
  expect(partitionCreatedMs(topic, TOPIC_GROWTHS_MAX + 5)).toBe(1_005 + TOPIC_GROWTHS_MAX)
})
