import { beforeEach, describe, expect, test } from 'vitest'
import { OUTBOX_RECEIPT_MS } from '../../../src/core/limits.ts'
import { decideMove, newLane } from '../../../src/core/outbox/lane.ts'
import type { ParkedItem } from '../../../src/core/outbox/outbox-item.ts'
import { encodeBatch } from '../../../src/core/record/index.ts'
import type { PartitionId } from '../../../src/core/topic/partition-id.ts'
import { OutboxRun, TOPIC, Writer } from './outbox-run.ts'

let run: OutboxRun
let writer: Writer

beforeEach(() => {
  run = new OutboxRun()
  writer = new Writer('one', run.clock, run.entropy.id())
})

async function parkedIn(partition: PartitionId): Promise<ParkedItem[]> {
  const parked: ParkedItem[] = []
  for await (const item of run.store.outboxes.parked(partition)) parked.push(item)
  return parked
}

test('moves what waits, and tells how much and how old it was', async () => {
  await run.createTopic(2)
  await run.put(writer, ['one:a', 'one:b'], 0)
  await run.pass(700)
  await run.put(writer, ['one:c'], 1)
  expect(await run.drain()).toMatchObject({
    moved: 2,
    records: 3,
    parked: 0,
    isFinished: true,
    failed: [],
  })
  expect(await run.problems(2)).toEqual([])
  expect(await run.drain()).toMatchObject({ moved: 0, records: 0, lagMs: 0, isFinished: true })
})

test('moves more than one step takes', async () => {
  await run.createTopic()
  for (let number = 0; number < 230; number += 1) await run.put(writer, [`one:${number}`])
  expect(await run.drain()).toMatchObject({ moved: 230, isFinished: true })
  expect(await run.problems()).toEqual([])
})

test('knows the partitions that ever had something, or all', async () => {
  await run.createTopic(3)
  await run.put(writer, ['one:a'], 1)
  await run.drain()
  const relay = run.relay()
  const find = async (which: 'known' | 'all') => {
    const found = await run.settle(relay.partitions(which, run.clock.monotonicMs() + 1_000))
    return found.map(({ partition }) => partition).sort()
  }
  expect(await find('known')).toEqual([1])
  expect(await find('all')).toEqual([0, 1, 2])
})

test('goes on where the log has forgotten the lane, which was silent for days', async () => {
  await run.createTopic()
  await run.put(writer, ['one:a'])
  await run.drain()
  await run.pass(10 * 24 * 3_600_000)
  await run.put(writer, ['one:b'])
  expect(await run.drain()).toMatchObject({ moved: 1, isFinished: true })
  expect(await run.problems()).toEqual([])
})

test('begins anew where the log knows less of the lane than the lane does', async () => {
  await run.createTopic()
  await run.put(writer, ['one:a'])
  await run.drain()
  const partition = run.partition()
  const lane = (await run.store.outboxes.readLane(partition))!
  // As if the log's index had been made anew, without what came last.
  await run.store.outboxes.putLane(
    partition,
    { ...lane, version: run.entropy.id(), nextSequence: 900 },
    lane.version,
  )
  for (const value of ['one:b', 'one:c']) {
    await run.put(writer, [value])
    expect(await run.drain()).toMatchObject({ moved: 1, isFinished: true })
  }
  expect(await run.store.outboxes.readLane(partition)).toMatchObject({ epoch: 1 })
  expect(await run.problems()).toEqual([])
})

describe('puts aside, with its reason, and tells of it,', () => {
  test('what is larger than the topic takes, and moves what is before and behind', async () => {
    await run.createTopic(1, { 'max.message.bytes': '300' })
    await run.put(writer, ['one:a'])
    const large = writer.item([`one:${'x'.repeat(400)}`])
    await run.store.outboxes.put([{ partition: run.partition(), item: large }])
    await run.put(writer, ['one:b'])
    expect(await run.drain()).toMatchObject({ moved: 2, parked: 1, isFinished: true })
    expect(await run.problems()).toEqual([])
    const [parked] = await parkedIn(run.partition())
    expect(parked).toMatchObject({ key: large.key, topic: TOPIC, error: 'MESSAGE_TOO_LARGE' })
    expect(parked!.reason).toContain("above the topic's max.message.bytes of 300")
    expect(run.parked).toEqual([{ keys: [large.key], error: 'MESSAGE_TOO_LARGE' }])
  })

  test('what has no key in a compacted topic', async () => {
    await run.createTopic(1, { 'cleanup.policy': 'compact' })
    await run.store.outboxes.put([{ partition: run.partition(), item: writer.item(['one:a']) }])
    expect(await run.drain()).toMatchObject({ moved: 0, parked: 1, isFinished: true })
    expect(await parkedIn(run.partition())).toMatchObject([{ error: 'INVALID_RECORD' }])
  })

  test.each([
    ['damaged', (batch: Uint8Array) => batch.fill(0, 60), 'CORRUPT_MESSAGE'],
    ['no batch', () => new Uint8Array([1]), 'CORRUPT_MESSAGE'],
    [
      'of a producer',
      () => encodeBatch([{ value: null }], { nowMs: 1, producerId: 7n, producerEpoch: 0, baseSequence: 0 }),
      'INVALID_RECORD',
    ],
    ['several batches', (batch: Uint8Array) => Buffer.concat([batch, batch]), 'INVALID_RECORD'],
    ['nothing', () => new Uint8Array(), 'CORRUPT_MESSAGE'],
    [
      'of a time to come',
      () => encodeBatch([{ value: null }], { nowMs: run.clock.nowMs() + 100 * 3_600_000 }),
      'INVALID_TIMESTAMP',
    ],
  ])('what is %s', async (_, batchOf, error) => {
    await run.createTopic()
    const item = writer.item(['one:a'])
    const batch = batchOf(Uint8Array.from(item.batch))
    await run.store.outboxes.put([{ partition: run.partition(), item: { ...item, batch } }])
    await run.put(writer, ['one:b'])
    expect(await run.drain()).toMatchObject({ moved: 1, parked: 1, isFinished: true })
    expect(await parkedIn(run.partition())).toMatchObject([{ error }])
    expect(await run.problems()).toEqual([])
  })

  test('what is for a topic that was deleted, also where another has its name', async () => {
    await run.createTopic()
    const partition = run.partition()
    await run.settle(run.broker.deleteTopic(TOPIC))
    await run.settle(run.broker.createTopic({ topic: TOPIC }))
    for (const value of ['one:a', 'one:b'])
      await run.store.outboxes.put([{ partition, item: writer.item([value]) }])
    expect(await run.drain(run.relay(), [partition])).toMatchObject({ moved: 0, parked: 2, isFinished: true })
    const parked = await parkedIn(partition)
    expect(parked.map(({ error }) => error)).toEqual(Array(2).fill('UNKNOWN_TOPIC_OR_PARTITION'))
    expect(parked[0]!.reason).toContain('"orders"')
    expect(await run.read()).toEqual([])
    // Nothing is left to be looked at.
    expect(await run.store.outboxes.readLane(partition)).toBeUndefined()
  })

  test('what came while its topic was being deleted, also where nothing was ever moved there', async () => {
    await run.createTopic()
    const partition = run.partition()
    const topic = (await run.store.topics.get(TOPIC))!
    await run.store.topics.remove(TOPIC, topic.version)
    await run.store.outboxes.put([{ partition, item: writer.item(['one:a']) }])
    expect(await run.drain(run.relay(), [partition])).toMatchObject({
      moved: 0,
      parked: 0,
      isFinished: false,
    })
    await run.store.index.removePartition(partition)
    // Nobody is called for it any more.
    const relay = run.relay()
    const known = await run.settle(relay.partitions('known', run.clock.monotonicMs() + 1_000))
    expect(await run.drain(relay, known)).toMatchObject({ parked: 1, isFinished: true })
    expect(await run.store.outboxes.readLane(partition)).toBeUndefined()
  })

  test('what is for a partition that never was', async () => {
    await run.createTopic()
    const partition = { topicId: 'none', partition: 0 }
    await run.store.outboxes.put([{ partition, item: writer.item(['one:a']) }])
    expect(await run.drain(run.relay(), [partition])).toMatchObject({ parked: 1 })
  })

  test('what a relay began with so long ago that nobody can tell whether it was moved', async () => {
    await run.createTopic()
    const partition = run.partition()
    const item = writer.item(['one:a'])
    await run.store.outboxes.put([{ partition, item }])
    const lane = newLane(run.entropy.id())
    const decided = decideMove(lane, run.entropy.id(), { keys: [item.key], records: 1 }, run.clock.nowMs())
    await run.store.outboxes.putLane(partition, decided, undefined)
    await run.pass(OUTBOX_RECEIPT_MS + 1)
    expect(await run.drain()).toMatchObject({ moved: 0, parked: 1, isFinished: true })
    expect((await parkedIn(partition))[0]!.reason).toContain('Look for it in the log')
  })
})

test('a wrong name of the topic holds up nothing', async () => {
  await run.createTopic()
  for (const topic of ['', 'none']) {
    const item = { ...writer.item([`one:${topic}`]), topic }
    await run.store.outboxes.put([{ partition: run.partition(), item }])
  }
  expect(await run.drain()).toMatchObject({ moved: 2, parked: 0, isFinished: true })
  expect(await run.read()).toEqual(['one:', 'one:none'])
})

test('what is decided is moved, whatever the topic has come to take since', async () => {
  await run.createTopic()
  const partition = run.partition()
  const item = writer.item(['one:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'])
  await run.store.outboxes.put([{ partition, item }])
  const decided = decideMove(
    newLane(run.entropy.id()),
    run.entropy.id(),
    { keys: [item.key], records: 1 },
    run.clock.nowMs(),
  )
  await run.store.outboxes.putLane(partition, decided, undefined)
  await run.settle(run.broker.alterTopic({ topic: TOPIC, set: { 'max.message.bytes': '10' } }))
  expect(await run.drain()).toMatchObject({ moved: 1, parked: 0 })
  expect(await run.read()).toHaveLength(1)
})

test('what fails is told, and moved with the next call', async () => {
  await run.createTopic(2)
  await run.put(writer, ['one:a'], 0)
  await run.put(writer, ['one:b'], 1)
  const relay = run.relay()
  const { index } = run.store
  const append = index.append
  Object.assign(index, {
    append: (...call: Parameters<typeof append>) => {
      if (call[0].partition === 1) throw new RangeError('the item is damaged')
      return append(...call)
    },
  })
  await run.pass(900)
  const relayed = await run.drain(relay)
  expect(relayed).toMatchObject({ moved: 1, isFinished: false, failed: [{ partition: { partition: 1 } }] })
  expect(relayed.lagMs).toBeGreaterThanOrEqual(900)
  Object.assign(index, { append })
  expect(await run.drain(relay)).toMatchObject({ moved: 1, isFinished: true })
  expect(await run.problems(2)).toEqual([])
})
