import { expect, test } from 'vitest'
import { decodeTopicItem, encodeTopicItem } from '../../../src/adapters/aws/items/topic.ts'
import type { TopicItem } from '../../../src/ports/topic-store.ts'

const ID = '000102030405060708090a0b0c0d0e0f'

/** These names stand in users' tables: where this fails, old tables could not be read any more. */
test('a topic is this item, with or without a growth', () => {
  const topic: TopicItem = {
    name: 'tides',
    topicId: '0b1f3a52-7c1e-4a4e-9d55-0123456789ab',
    partitions: 4,
    configs: { 'flush.ms': '7' },
    createdMs: 1_750_000_000_000,
    state: 'live',
    version: ID,
  }
  const item = {
    pk: { S: 'topics' },
    sk: { S: 'tides' },
    topicId: { S: topic.topicId },
    partitions: { N: '4' },
    configs: { M: { 'flush.ms': { S: '7' } } },
    createdMs: { N: '1750000000000' },
    state: { S: 'live' },
    version: { S: ID },
  }
  expect(encodeTopicItem(topic)).toStrictEqual(item)
  expect(decodeTopicItem(item)).toStrictEqual(topic)
  const grown = { ...item, grownMs: { M: { 3: { N: '1760000000000' } } } }
  expect(encodeTopicItem({ ...topic, grownMs: { 3: 1_760_000_000_000 } })).toStrictEqual(grown)
  expect(decodeTopicItem(grown)).toStrictEqual({ ...topic, grownMs: { 3: 1_760_000_000_000 } })
  const expiring = { ...item, expires: { BOOL: true } }
  expect(encodeTopicItem({ ...topic, expires: true })).toStrictEqual(expiring)
  expect(decodeTopicItem(expiring)).toStrictEqual({ ...topic, expires: true })
})
