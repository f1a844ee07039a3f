import { expect, test } from 'vitest'
import { topicsOver } from '../../../src/adapters/items/topics.ts'
import { MemoryItems } from '../../../src/adapters/memory/memory-items.ts'
import type { TopicItem } from '../../../src/ports/topic-store.ts'

const OLD =
  '{"name":"tides","topicId":"0b1f3a52-7c1e-4a4e-9d55-0123456789ab","partitions":4,"configs":{"flush.ms":"7"},' +
  '"createdMs":1750000000000,"state":"live","version":"000102030405060708090a0b0c0d0e0f"}'
const EXPIRING = OLD.replace('"state"', '"expires":true,"state"')

/** These bytes stand in users' directories: where this fails, old ones could not be read any more. */
test.each([
  ['older than retention', OLD, undefined],
  ['that expires', EXPIRING, true],
])('a topic %s is this item', async (_, bytes, expires) => {
  const items = new MemoryItems()
  const topics = topicsOver(items)
  await items.update('topics/tides', () => ({ put: Buffer.from(bytes), answer: undefined }))
  const item: TopicItem = (await topics.get('tides'))!
  expect(item).toMatchObject({ name: 'tides', partitions: 4, configs: { 'flush.ms': '7' }, state: 'live' })
  expect(item.expires).toBe(expires)
  await topics.put({ ...item, version: 'another' }, item.version)
  const put = Buffer.from((await items.get('topics/tides'))!).toString()
  expect(put).toBe(bytes.replace('000102030405060708090a0b0c0d0e0f', 'another'))
})
