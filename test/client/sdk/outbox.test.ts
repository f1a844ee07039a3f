import { describe, expect, test } from 'vitest'
import { type OutboxTopic, outbox, outboxTopicOf } from '../../../src/client/index.ts'
import { Tidemark } from '../../../src/client/sdk/tidemark.ts'
import { OUTBOX_BATCH_BYTES_MAX } from '../../../src/core/limits.ts'
import { decodeBatches } from '../../../src/core/record/index.ts'
import { partitionForKey } from '../../../src/core/topic/partitioner.ts'
import { openInMemory } from '../../../src/embedded/embedded.ts'

const ORDERS: OutboxTopic = { topic: 'orders', topicId: 'a-b', partitions: 4 }
const boxOf = (topic: Partial<OutboxTopic> = {}) =>
  outbox({ table: 'tidemark', topics: [{ ...ORDERS, ...topic }] })

const recordsOf = (batch: Uint8Array) =>
  decodeBatches(batch).map(({ key, value }) => [
    key && `${Buffer.from(key)}`,
    value && `${Buffer.from(value)}`,
  ])

describe('an element', () => {
  test('of the client puts an item under the outbox of the partition that a producer chooses', () => {
    const elements = boxOf().item({ topic: 'orders', messages: [{ key: 'ada', value: 'placed' }] })
    expect(elements).toHaveLength(1)
    const { TableName, Item, ConditionExpression } = elements[0]!.Put
    const partition = partitionForKey(Buffer.from('ada'), 4)
    expect([TableName, ConditionExpression]).toEqual(['tidemark', 'attribute_not_exists(pk)'])
    expect(Item).toMatchObject({
      pk: { S: `outbox#a-b#${partition}` },
      sk: { S: expect.stringMatching(/^\d{13}-[0-9a-f]{12}-[0-9a-f]{6}$/) },
      topic: { S: 'orders' },
      createdMs: { N: expect.stringMatching(/^\d{13}$/) },
    })
    expect(recordsOf((Item.batch as { B: Uint8Array }).B)).toEqual([['ada', 'placed']])
  })

  test('of the document client has the same in plain values', () => {
    const [element] = boxOf().documentItem({ topic: 'orders', key: 'ada', messages: [{ value: 'placed' }] })
    const { pk, sk, topic, batch, createdMs } = element!.Put.Item
    expect([pk, topic, typeof sk, typeof createdMs]).toEqual([
      `outbox#a-b#${partitionForKey(Buffer.from('ada'), 4)}`,
      'orders',
      'string',
      'number',
    ])
    expect(recordsOf(batch as Uint8Array)).toEqual([['ada', 'placed']])
  })
})

describe('messages', () => {
  const batchesOf = (elements: ReturnType<ReturnType<typeof boxOf>['documentItem']>) =>
    elements.map(({ Put }) => [Put.Item.pk, recordsOf(Put.Item.batch as Uint8Array)])

  test('of one key stay together, in their order; each partition has an element', () => {
    const messages = ['a', 'b', 'a', 'c', 'b'].map((key, index) => ({ key, value: `${index}` }))
    const batches = batchesOf(boxOf().documentItem({ topic: 'orders', messages }))
    const expected = new Map<string, string[][]>()
    for (const { key, value } of messages) {
      const place = `outbox#a-b#${partitionForKey(Buffer.from(key), 4)}`
      expected.set(place, [...(expected.get(place) ?? []), [key, value]])
    }
    expect(new Map(batches as [string, string[][]][])).toEqual(expected)
  })

  test('without a key go to one partition together, another one with the next call', () => {
    const box = boxOf()
    const places = [1, 2].map(() => {
      const elements = box.documentItem({ topic: 'orders', messages: [{ value: 'a' }, { value: 'b' }] })
      expect(elements).toHaveLength(1)
      return elements[0]!.Put.Item.pk
    })
    expect(places[0]).not.toBe(places[1])
  })

  test('can name their partition, and the partitioner can be another', () => {
    expect(
      boxOf().documentItem({ topic: 'orders', messages: [{ value: 'a', partition: 3 }] })[0]!.Put.Item.pk,
    ).toBe('outbox#a-b#3')
    const createPartitioner = () => () => 2
    const box = outbox({ table: 't', topics: [ORDERS], createPartitioner })
    expect(box.documentItem({ topic: 'orders', messages: [{ value: 'a' }] })[0]!.Put.Item.pk).toBe(
      'outbox#a-b#2',
    )
  })

  test('of calls one after the other have keys in that order', () => {
    const box = boxOf({ partitions: 1 })
    const keys = Array.from(
      { length: 50 },
      () => box.documentItem({ topic: 'orders', messages: [{ value: 'a' }, { value: 'b' }] })[0]!.Put.Item.sk,
    )
    expect(keys.toSorted()).toEqual(keys)
  })

  test('that are none make no element', () => {
    expect(boxOf().item({ topic: 'orders', messages: [] })).toEqual([])
  })

  test('of many bytes are in several items, each of which fits, in their order', () => {
    const messages = Array.from({ length: 7 }, (_, index) => ({ value: Buffer.alloc(150_000, `${index}`) }))
    const elements = boxOf({ partitions: 1 }).documentItem({ topic: 'orders', messages })
    expect(elements).toHaveLength(4)
    const batches = elements.map(({ Put }) => Put.Item.batch as Uint8Array)
    for (const batch of batches) expect(batch.length).toBeLessThanOrEqual(OUTBOX_BATCH_BYTES_MAX)
    expect(
      batches.flatMap(batch => decodeBatches(batch)).map(({ value }) => `${Buffer.from(value!)}`[0]),
    ).toEqual([...'0123456'])
    const keys = elements.map(({ Put }) => Put.Item.sk)
    expect(keys.toSorted()).toEqual(keys)
  })

  test('can be compressed, and so be larger', () => {
    const value = Buffer.alloc(900_000, 'x')
    const [element] = boxOf().documentItem({ topic: 'orders', messages: [{ value }], compression: 'gzip' })
    const batch = element!.Put.Item.batch as Uint8Array
    expect(batch.length).toBeLessThan(10_000)
    expect(decodeBatches(batch)[0]!.value).toHaveLength(900_000)
  })
})

describe('refused in words is', () => {
  const refused = (call: () => unknown) => {
    try {
      call()
    } catch (error) {
      return error as { kafkaName: string; message: string; written: string }
    }
    throw new Error('it was taken')
  }

  test('a message that fits into no item', () => {
    const messages = [{ value: Buffer.alloc(500_000) }]
    const error = refused(() => boxOf().item({ topic: 'orders', messages }))
    expect(error).toMatchObject({ kafkaName: 'MESSAGE_TOO_LARGE', written: 'no' })
    expect(error.message).toContain('an item of DynamoDB takes')
    expect(error.message).toContain('S3')
  })

  test('one that is larger than the topic takes', () => {
    const error = refused(() =>
      boxOf({ maxMessageBytes: 200 }).item({ topic: 'orders', messages: [{ value: 'x'.repeat(300) }] }),
    )
    expect(error.message).toContain('"orders" takes 200 (max.message.bytes)')
  })

  test('more than a transaction takes', () => {
    const messages = Array.from({ length: 14 }, () => ({ value: Buffer.alloc(390_000) }))
    const error = refused(() => boxOf().item({ topic: 'orders', messages }))
    expect(error.kafkaName).toBe('RECORD_LIST_TOO_LARGE')
    expect(error.message).toContain('a transaction of DynamoDB takes 100')
  })

  test.each([
    [
      'a topic that it was not given',
      () => boxOf().item({ topic: 'other', messages: [] }),
      'UNKNOWN_TOPIC_OR_PARTITION',
    ],
    [
      'a partition that is none',
      () => boxOf().item({ topic: 'orders', messages: [{ value: 'a', partition: 4 }] }),
      'UNKNOWN_TOPIC_OR_PARTITION',
    ],
    [
      'no key for a compacted topic',
      () => boxOf({ isCompacted: true }).item({ topic: 'orders', messages: [{ value: 'a' }] }),
      'INVALID_RECORD',
    ],
    [
      'no value',
      () => boxOf().item({ topic: 'orders', messages: [{} as { value: string }] }),
      'INVALID_RECORD',
    ],
    ['no list', () => boxOf().item({ topic: 'orders' } as never), 'INVALID_REQUEST'],
    ['an id that leads elsewhere', () => boxOf({ topicId: 'a#0' }), 'INVALID_REQUEST'],
    ['no partitions', () => boxOf({ partitions: 0 }), 'INVALID_REQUEST'],
    ['no table', () => outbox({ topics: [] } as never), 'INVALID_REQUEST'],
  ])('%s', (_, call, kafkaName) => {
    expect(refused(call)).toMatchObject({ kafkaName })
  })
})

test('a broker tells what has to be known of topics', async () => {
  const { broker, close } = openInMemory()
  const configs = { 'max.message.bytes': '5000', 'cleanup.policy': 'compact' }
  const { topicId } = await broker.createTopic({ topic: 'orders', partitions: 3, configs })
  expect(outboxTopicOf(await broker.describeTopic('orders'))).toEqual({
    topic: 'orders',
    topicId,
    partitions: 3,
    maxMessageBytes: 5_000,
    isCompacted: true,
  })
  const tidemark = new Tidemark({ broker })
  const box = await tidemark.outbox({ table: 'tidemark', topics: ['orders'] })
  const [element] = box.item({ topic: 'orders', key: 'a', messages: [{ value: 'b' }] })
  expect(element!.Put.Item.pk).toEqual({ S: expect.stringContaining(`outbox#${topicId}#`) })
  await expect(tidemark.outbox({ table: 't', topics: ['none'] })).rejects.toMatchObject({
    kafkaName: 'UNKNOWN_TOPIC_OR_PARTITION',
  })
  await close()
})
