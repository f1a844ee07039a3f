import { beforeEach, describe, expect, test } from 'vitest'
import type { LogBroker } from '../../../src/broker/log-broker.ts'
import { type CompressionName, encodeBatch } from '../../../src/core/record/index.ts'
import { Harness, joined, NOW_MS, readAll } from '../harness.ts'

let harness: Harness
let broker: LogBroker

beforeEach(async () => {
  harness = new Harness()
  broker = harness.open()
  const compacted = { 'cleanup.policy': 'compact' }
  await harness.run(broker.createTopic({ topic: 'tides', partitions: 2, configs: compacted }))
})

/** A record without a key for each null; its value says its place. */
function batchOf(keys: readonly (string | null)[], compression: CompressionName = 'none'): Uint8Array {
  const records = keys.map((key, index) => ({
    key: key === null ? null : Buffer.from(key),
    value: Buffer.from(`${index}`),
    timestampMs: NOW_MS,
  }))
  return new Uint8Array(encodeBatch(records, { compression }))
}

const produce = (batches: Uint8Array, topic = 'tides', partition = 0) =>
  broker.produce({ topic, partition, batches })

const count = async (partition = 0) =>
  (await harness.run(readAll(broker, { topic: 'tides', partition }))).length

const CODECS: readonly CompressionName[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

describe.each(CODECS)('in a batch with %s', codec => {
  test('records with keys are taken, also with an empty one', async () => {
    await harness.run(produce(batchOf(['a', '', 'b'], codec)))
    expect(await count()).toBe(3)
  })

  test('those without are named, and nothing is written', async () => {
    const error = await harness.errorOf(produce(batchOf(['a', null, '', null], codec)))
    expect(error).toMatchObject({ kafkaName: 'INVALID_RECORD', written: 'no', retriable: false })
    expect(error.message).toContain('"tides"')
    expect(error.message).toContain('none: 1, 3.')
    expect(await count()).toBe(0)
  })
})

test('the first three are named, and counted over all batches of the call', async () => {
  const batches = joined([
    batchOf(['a', null]),
    batchOf(['b', 'c'], 'gzip'),
    batchOf([null, null, null, 'd']),
  ])
  const { message } = await harness.errorOf(produce(batches))
  expect(message).toContain('none: 1, 4, 5 and 1 more.')
})

test('a batch that grows a thousandfold is looked through in pieces', async () => {
  const keys = Array.from({ length: 400_000 }, (_, index) => (index === 399_999 ? null : 'key of a buoy'))
  const batch = batchOf(keys, 'zstd')
  const { message } = await harness.errorOf(produce(batch))
  expect(message).toContain('none: 399999.')
})

test('calls for one partition come in the order in which they were made, however long looking takes', async () => {
  const large = batchOf(
    Array.from({ length: 50_000 }, () => 'a'),
    'gzip',
  )
  const [first, second, third] = await harness.run(
    Promise.all([produce(large), produce(batchOf(['b'])), produce(batchOf(['c'], 'zstd'))]),
  )
  expect([first.baseOffset, second.baseOffset, third.baseOffset]).toEqual([0, 50_000, 50_001])
})

test('a call that is refused keeps none behind it from being taken', async () => {
  const [refused, taken] = await harness.run(
    Promise.allSettled([produce(batchOf([null], 'gzip')), produce(batchOf(['b']))]),
  )
  expect(refused).toMatchObject({ status: 'rejected', reason: { kafkaName: 'INVALID_RECORD' } })
  expect(taken).toMatchObject({ status: 'fulfilled', value: { baseOffset: 0 } })
})

describe('a topic that is not compacted takes records without a key', () => {
  test('by its policy', async () => {
    await harness.run(broker.createTopic({ topic: 'logs' }))
    await harness.run(produce(batchOf([null]), 'logs'))
  })

  test('since it is older than compaction, whatever its policy', async () => {
    const { expires: _, ...old } = (await harness.plain.topics.get('tides'))!
    await harness.plain.topics.put({ ...old, version: harness.entropy.id() }, old.version)
    const late = harness.open()
    await harness.run(late.produce({ topic: 'tides', partition: 0, batches: batchOf([null]) }))
    expect(await count()).toBe(1)
  })

  test('and refuses them once it is altered', async () => {
    await harness.run(broker.createTopic({ topic: 'logs' }))
    await harness.run(broker.alterTopic({ topic: 'logs', set: { 'cleanup.policy': 'compact,delete' } }))
    const error = await harness.errorOf(produce(batchOf([null]), 'logs'))
    expect(error.kafkaName).toBe('INVALID_RECORD')
  })
})
