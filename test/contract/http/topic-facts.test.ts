import { expect, test } from 'vitest'
import { TopicFactsCache } from '../../../src/contract/http/records/topic-facts.ts'

test('what is known of a topic is trusted for so long by the clock that nobody sets', async () => {
  let described = 0
  let monotonicMs = 5
  const broker = {
    describeTopic: async () => {
      described += 1
      return { partitions: described, configs: [] }
    },
  }
  const cache = new TopicFactsCache(broker as never, () => monotonicMs, 1_000)
  const partitions = async () => (await cache.get('tides')).partitions
  expect(await partitions()).toBe(1)
  monotonicMs += 999
  expect(await partitions()).toBe(1)
  monotonicMs += 1
  expect(await partitions()).toBe(2)
})
