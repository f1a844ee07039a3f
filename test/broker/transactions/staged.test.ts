import { describe, expect, test } from 'vitest'
import type { TransactionName } from '../../../src/contract/transactions.ts'
import {
  TAIL_ENTRIES_SHARED_MAX,
  TAIL_ENTRIES_SOFT_MAX,
  TRANSACTION_RUNS_MAX,
} from '../../../src/core/limits.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { decodeBatches } from '../../../src/core/record/index.ts'
import { batchOf, NOW_MS, numbered } from '../harness.ts'
import { batchIn } from './staging.ts'
import { TransactionWorld } from './world.ts'

const PLACE = { topic: 'orders', partition: 0 }

function staging(name: TransactionName, sequence: number, values: string[], more = {}, place = PLACE) {
  return { ...name, batches: [{ ...place, batches: batchIn(name, sequence, values, more) }], adds: true }
}

describe('what is staged', () => {
  test.each([
    ['small', 0],
    ['in objects', 5_000],
  ])('in many %s calls is read as a whole, in order, and takes a head little room', async (_, padding) => {
    const world = new TransactionWorld()
    const broker = await world.prepare()
    const name = await world.producer(broker)
    const values = numbered(0, 3 * TRANSACTION_RUNS_MAX)
    for (const [index, value] of values.entries()) {
      const [result] = await world.run(broker.stage(staging(name, index, [value], { padding })))
      expect(result!.error).toBe(null)
    }
    expect(world.count('putChunk')).toBeGreaterThan(0)
    expect((await world.run(broker.describeTransaction('tx'))).partitions).toMatchObject([
      { ...PLACE, records: values.length },
    ])
    const ended = await world.run(broker.endTransaction({ ...name, commit: true }))
    expect(ended.partitions).toEqual([{ ...PLACE, baseOffset: 0, records: values.length }])
    expect(await world.values(broker)).toEqual(values)
    await world.pass(1)
    expect(world.count('removeChunksBelow')).toBe(1)
    const head = await world.run(world.plain.index.readHead(await world.partitionId('orders')))
    expect(head!.tail.length).toBeLessThanOrEqual(TRANSACTION_RUNS_MAX)
    expect((await world.verify()).findings).toEqual([])
  })

  test('gets its time when it is staged, where the topic stamps records', async () => {
    const world = new TransactionWorld()
    const broker = await world.prepare()
    const configs = { 'message.timestamp.type': 'LogAppendTime' }
    await world.run(broker.createTopic({ topic: 'stamped', configs }))
    const name = await world.producer(broker)
    await world.pass(5_000)
    const nowMs = world.clock.nowMs()
    const place = { topic: 'stamped', partition: 0 }
    const results = await world.run(broker.stage(staging(name, 0, ['a'], {}, place)))
    expect(results).toEqual([{ ...place, error: null, logAppendTimeMs: nowMs }])
    await world.pass(5_000)
    await world.run(broker.endTransaction({ ...name, commit: true }))
    const { chunks } = await world.run(broker.fetch({ ...place, offset: toOffset(0) }))
    expect(chunks.flatMap(decodeBatches).map(({ timestampMs }) => timestampMs)).toEqual([nowMs])
    expect(nowMs).toBeGreaterThan(NOW_MS)
  })

  test('is checked as what is produced, each partition by itself', async () => {
    const world = new TransactionWorld()
    const broker = await world.prepare()
    await world.run(broker.createTopic({ topic: 'compact', configs: { 'cleanup.policy': 'compact' } }))
    const name = await world.producer(broker)
    const damaged = batchIn(name, 0, ['damaged'])
    damaged[damaged.length - 1]! ^= 1
    const compact = { topic: 'compact', partition: 0 }
    const batches = [
      { ...PLACE, batches: batchIn(name, 0, ['good']) },
      { topic: 'orders', partition: 1, batches: damaged },
      { topic: 'orders', partition: 7, batches: batchIn(name, 0, ['nowhere']) },
      { topic: 'none', partition: 0, batches: batchIn(name, 0, ['nowhere']) },
      { ...compact, batches: batchIn(name, 0, ['keyless'], { hasKeys: false }) },
      { topic: 'input', partition: 0, batches: batchOf(['plain']) },
    ]
    const results = await world.run(broker.stage({ ...name, batches, adds: true }))
    expect(results.map(({ error }) => error?.kafkaName ?? null)).toEqual([
      null,
      'CORRUPT_MESSAGE',
      'UNKNOWN_TOPIC_OR_PARTITION',
      'UNKNOWN_TOPIC_OR_PARTITION',
      'INVALID_RECORD',
      'INVALID_RECORD',
    ])
    const other = { ...name, producerId: name.producerId + 1n }
    const [wrong] = await world.run(
      broker.stage({ ...name, batches: [{ ...PLACE, batches: batchIn(other, 1, ['other']) }], adds: true }),
    )
    expect(wrong!.error?.kafkaName).toBe('INVALID_PRODUCER_ID_MAPPING')
    expect((await world.run(broker.stage(staging(name, 0, ['keyed'], {}, compact))))[0]!.error).toBe(null)
    await world.run(broker.endTransaction({ ...name, commit: true }))
    expect(await world.values(broker)).toEqual(['good'])
    expect(await world.values(broker, 0, 'compact')).toEqual(['keyed'])
  })

  test('outside of a transaction is refused, and so is a plain batch in one', async () => {
    const world = new TransactionWorld()
    const broker = await world.prepare()
    const name = await world.producer(broker)
    const produced = broker.produce({ ...PLACE, batches: batchIn(name, 0, ['a']) })
    expect((await world.errorOf(produced)).kafkaName).toBe('INVALID_RECORD')
  })

  test('for a topic that is deleted before the end keeps nothing else from being committed', async () => {
    const world = new TransactionWorld()
    const broker = await world.prepare()
    await world.run(broker.createTopic({ topic: 'gone' }))
    const name = await world.producer(broker)
    const gone = { topic: 'gone', partition: 0 }
    await world.run(broker.stage(staging(name, 0, ['gone'], {}, gone)))
    await world.run(broker.stage(staging(name, 0, ['stays'])))
    await world.run(broker.deleteTopic('gone'))
    await world.run(broker.createTopic({ topic: 'gone' }))
    const ended = await world.run(broker.endTransaction({ ...name, commit: true }))
    expect(ended.partitions).toContainEqual({ ...gone, baseOffset: null, records: 1 })
    expect(await world.values(broker)).toEqual(['stays'])
    expect(await world.values(broker, 0, 'gone')).toEqual([])
    expect(await world.run(broker.describeTransaction('tx'))).toMatchObject({ state: 'CompleteCommit' })
  })

  test('is not added where one of the partitions is not there, nor staged where it was not added', async () => {
    const world = new TransactionWorld()
    const broker = await world.prepare()
    const name = await world.producer(broker)
    const added = await world.run(
      broker.addPartitions({ ...name, partitions: [PLACE, { topic: 'none', partition: 0 }] }),
    )
    expect(added.map(({ error }) => error?.kafkaName)).toEqual([
      'OPERATION_NOT_ATTEMPTED',
      'UNKNOWN_TOPIC_OR_PARTITION',
    ])
    await world.run(broker.addPartitions({ ...name, partitions: [{ topic: 'orders', partition: 1 }] }))
    const { adds: _, ...strict } = staging(name, 0, ['a'])
    const [result] = await world.run(broker.stage(strict))
    expect(result!.error?.kafkaName).toBe('TRANSACTION_ABORTABLE')
  })
})

test.each(['in-background', 'elsewhere'] as const)(
  'a tail that only transactions make long is cut, however many entries each appends (flushes: %s)',
  async flushes => {
    const world = new TransactionWorld()
    await world.prepare()
    const broker = world.open(flushes === 'elsewhere' ? { flushes } : {})
    if (flushes === 'in-background') broker.start()
    const name = await world.producer(broker)
    let longest = 0
    for (let number = 1; number <= 50; number += 1) {
      for (const sequence of [2 * number - 2, 2 * number - 1]) {
        const batches = batchIn(name, sequence, [`${sequence}`], { padding: 5_000 })
        const staged = [{ topic: 'orders', partition: 0, batches }]
        await world.run(broker.stage({ ...name, number, batches: staged, adds: true }))
      }
      await world.run(broker.endTransaction({ ...name, number, commit: true }))
      await world.pass(100)
      const head = await world.plain.index.readHead(await world.partitionId('orders'))
      longest = Math.max(longest, head!.tail.length)
    }
    expect(longest).toBeLessThanOrEqual(
      flushes === 'elsewhere' ? TAIL_ENTRIES_SHARED_MAX : TAIL_ENTRIES_SOFT_MAX,
    )
    expect(await world.values(broker)).toHaveLength(100)
    await world.run(broker.close())
  },
)
