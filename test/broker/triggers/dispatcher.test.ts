import { beforeEach, describe, expect, test } from 'vitest'
import type { LogBroker } from '../../../src/broker/log-broker.ts'
import { flush } from '../../../src/broker/settling/flush.ts'
import { TopicDirectory } from '../../../src/broker/topics/topic-directory.ts'
import { Dispatcher } from '../../../src/broker/triggers/dispatcher.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { encodeProgress } from '../../../src/core/trigger/progress.ts'
import { triggerOwner } from '../../../src/core/trigger/trigger.ts'
import { NotApplied, StoreFailed } from '../../../src/ports/outcome.ts'
import type { LanedWakeUp } from '../../../src/ports/wake-ups.ts'
import { batchOf, Harness } from '../harness.ts'
import { putTrigger } from './harness.ts'

let harness: Harness
let broker: LogBroker
let dispatcher: Dispatcher
let sent: { wakeUps: readonly LanedWakeUp[]; occasion: string }[]
let failures: Error[]

beforeEach(async () => {
  harness = new Harness()
  sent = []
  failures = []
  broker = harness.open()
  const wakeUps = {
    wake: async (wakeUps: readonly LanedWakeUp[], occasion: string) => {
      const failure = failures.shift()
      if (failure) throw failure
      sent.push({ wakeUps, occasion })
    },
  }
  const directory = new TopicDirectory(harness.ports.topics, harness.clock)
  dispatcher = new Dispatcher({ ...harness.ports, wakeUps }, directory)
  await harness.run(broker.createTopic({ topic: 'orders', partitions: 3 }))
  await harness.run(broker.createTopic({ topic: 'users', partitions: 2 }))
})

/** What was sent, as group/topic/partition. */
function woken(): string[] {
  return sent
    .flatMap(({ wakeUps }) => wakeUps)
    .map(({ groupId, topic, partition }) => `${groupId}/${topic}/${partition.partition}`)
    .sort()
}

async function append(topic: string, partition: number, records = 1): Promise<void> {
  const values = Array.from({ length: records }, (_, index) => `${index}`)
  await harness.run(broker.produce({ topic, partition, batches: batchOf(values) }))
}

async function commit(groupId: string, topic: string, partition: number, offset: number): Promise<void> {
  await harness.run(
    broker.commitOffsets({ groupId, offsets: [{ topic, partition, offset: toOffset(offset) }] }),
  )
}

function sweep(durationMs = 60_000) {
  return harness.run(dispatcher.sweep(harness.clock.monotonicMs() + durationMs))
}

function wakeChanged(partitions: Parameters<Dispatcher['wakeChanged']>[0]['partitions'], occasion = 'one') {
  return harness.run(dispatcher.wakeChanged({ partitions, triggers: [] }, occasion))
}

describe('a change of partitions', () => {
  beforeEach(async () => {
    for (const partition of [0, 1, 2]) await append('orders', partition)
    for (const partition of [0, 1]) await append('users', partition)
  })

  test('wakes every active trigger on their topics, each partition once', async () => {
    await putTrigger(harness, { groupId: 'a' })
    await putTrigger(harness, { groupId: 'b', settings: { parallelism: 2 } })
    await putTrigger(harness, { groupId: 'c', state: 'paused' })
    await putTrigger(harness, { groupId: 'a', topic: 'users' })
    const [two, zero] = [await harness.partitionId('orders', 2), await harness.partitionId('orders', 0)]
    expect(await wakeChanged([two, zero, two], 'shard-1/17')).toBe(4)
    expect(woken()).toEqual(['a/orders/0', 'a/orders/2', 'b/orders/0', 'b/orders/2'])
    expect(sent.map(({ occasion }) => occasion)).toEqual(['shard-1/17'])
    const lanes = sent[0]!.wakeUps.map(({ groupId, partition, lane }) => [groupId, partition.partition, lane])
    expect(lanes).toEqual(
      expect.arrayContaining([
        ['a', 2, 2],
        ['b', 2, 0],
      ]),
    )
  })

  test('wakes a trigger that was made a moment before', async () => {
    const partition = await harness.partitionId('orders')
    expect(await wakeChanged([partition])).toBe(0)
    await putTrigger(harness, {})
    expect(await wakeChanged([partition])).toBe(1)
  })

  test('wakes the first trigger of a topic that had none', async () => {
    await putTrigger(harness, {})
    const partition = await harness.partitionId('users')
    expect(await wakeChanged([partition])).toBe(0)
    await putTrigger(harness, { topic: 'users' })
    expect(await wakeChanged([partition])).toBe(1)
  })

  test('wakes a topic’s triggers when it was made anew under its name', async () => {
    await putTrigger(harness, {})
    expect(await wakeChanged([await harness.partitionId('orders')])).toBe(1)
    await harness.run(broker.deleteTopic('orders'))
    await harness.run(broker.createTopic({ topic: 'orders' }))
    await append('orders', 0)
    const anew = await harness.partitionId('orders')
    expect(await wakeChanged([anew])).toBe(1)
    expect(sent.at(-1)!.wakeUps[0]!.partition).toEqual(anew)
  })

  test('costs a read of each claim and head for topics that are known, beyond the list of triggers', async () => {
    await putTrigger(harness, {})
    const partitions = [await harness.partitionId('orders'), await harness.partitionId('users')]
    await wakeChanged(partitions)
    const before = harness.calls.length
    await wakeChanged(partitions)
    await wakeChanged([partitions[1]!])
    expect(harness.calls.slice(before).map(({ method }) => method)).toEqual(['readClaim', 'readHead'])
  })

  test('wakes nobody for a partition whose batch is failing: its own wake-up comes again', async () => {
    const { triggerId } = await putTrigger(harness, { groupId: 'a' })
    await putTrigger(harness, { groupId: 'b' })
    const partition = await harness.partitionId('orders')
    const note = async (metadata: string) => {
      const { groups } = harness.plain
      const standing = await groups.readClaim('a', partition)
      const owner = triggerOwner(triggerId)
      const { generation = 0 } =
        standing ?? (await groups.setOwner('a', partition, owner, undefined)).claim ?? {}
      const seenMs = standing?.committed?.committedMs ?? null
      const committed = { offset: toOffset(0), leaderEpoch: -1, metadata, committedMs: (seenMs ?? 0) + 1 }
      const { held } = await groups.commit('a', partition, committed, { owner, generation }, seenMs)
      expect(held).toBe(true)
    }
    await note(encodeProgress({ attempts: 1, failures: 1, sinceMs: 0, ends: [toOffset(1)], error: 'no' }))
    expect(await wakeChanged([partition])).toBe(1)
    expect(woken()).toEqual(['b/orders/0'])
    await note('')
    expect(await wakeChanged([partition], 'two')).toBe(2)
  })

  test('that is no append wakes nobody who has caught up', async () => {
    const { triggerId } = await putTrigger(harness, { groupId: 'a' })
    await putTrigger(harness, { groupId: 'b' })
    const partition = await harness.partitionId('orders')
    const owner = triggerOwner(triggerId)
    const { claim } = await harness.plain.groups.setOwner('a', partition, owner, undefined)
    const committed = { offset: toOffset(1), leaderEpoch: -1, metadata: '', committedMs: 1 }
    const by = { owner, generation: claim!.generation }
    expect(await harness.plain.groups.commit('a', partition, committed, by, null)).toMatchObject({
      held: true,
    })
    // The cut of a flush: b has not dealt with the record yet.
    const deadlineMs = harness.clock.monotonicMs() + 10_000
    await harness.run(flush(harness.ports, [{ partition, age: 'all' }], deadlineMs))
    expect(await wakeChanged([partition], 'the cut')).toBe(1)
    expect(woken()).toEqual(['b/orders/0'])
    await append('orders', 0)
    expect(await wakeChanged([partition], 'the next append')).toBe(2)
    // Deleted records are dealt with.
    const last = { topic: 'orders', partition: 0, beforeOffset: toOffset(2) }
    await harness.run(broker.deleteRecords(last))
    expect(await wakeChanged([partition], 'the deletion')).toBe(0)
    await harness.run(broker.deleteTopic('orders'))
    expect(await wakeChanged([partition], 'the end')).toBe(0)
  })

  test('whose head cannot be read wakes those who will tell, and the others', async () => {
    await putTrigger(harness, {})
    const [damaged, sound] = [await harness.partitionId('orders', 0), await harness.partitionId('orders', 1)]
    harness.around = async (method, args, call) => {
      if (method === 'readHead' && args[0] === damaged) throw new RangeError('damaged')
      return await call()
    }
    expect(await wakeChanged([damaged, sound])).toBe(2)
  })

  test('is of no interest where no trigger is', async () => {
    expect(await wakeChanged([{ topicId: 'gone', partition: 0 }])).toBe(0)
    expect(sent).toEqual([])
  })

  test('is tried again where it could not be told, and fails in the end', async () => {
    await putTrigger(harness, {})
    const partition = await harness.partitionId('orders')
    failures = [new NotApplied('throttled'), new NotApplied('throttled')]
    expect(await wakeChanged([partition])).toBe(1)
    failures = [new StoreFailed('the queue is missing')]
    const changed = { partitions: [partition], triggers: [] }
    const error = await harness.errorOf(dispatcher.wakeChanged(changed, 'two'))
    expect(error.kafkaName).toBe('KAFKA_STORAGE_ERROR')
  })
})

describe('a change of triggers', () => {
  test('wakes those that are active for all their partitions', async () => {
    await putTrigger(harness, { groupId: 'a' })
    await putTrigger(harness, { groupId: 'b', state: 'paused' })
    await putTrigger(harness, { groupId: 'd', topic: 'gone' })
    const triggers = ['a', 'b', 'c'].map(groupId => ({ groupId, topic: 'orders' }))
    triggers.push({ groupId: 'd', topic: 'gone' })
    expect(await harness.run(dispatcher.wakeChanged({ partitions: [], triggers }, 'one'))).toBe(3)
    expect(woken()).toEqual(['a/orders/0', 'a/orders/1', 'a/orders/2'])
  })

  test('sees partitions that were added', async () => {
    await putTrigger(harness, {})
    await wakeChanged([await harness.partitionId('orders')])
    await harness.run(broker.alterTopic({ topic: 'orders', partitions: 4 }))
    const triggers = [{ groupId: 'workers', topic: 'orders' }]
    expect(await harness.run(dispatcher.wakeChanged({ partitions: [], triggers }, 'two'))).toBe(4)
  })
})

describe('a sweep', () => {
  test('wakes the partitions in which a group is behind', async () => {
    for (const groupId of ['a', 'b']) await putTrigger(harness, { groupId })
    await putTrigger(harness, { groupId: 'c', state: 'paused' })
    await append('orders', 0)
    await append('orders', 1, 5)
    await append('users', 0)
    await commit('a', 'orders', 1, 5)
    await commit('b', 'orders', 1, 4)
    expect(await sweep()).toEqual({ woken: 3, looked: 6, isFinished: true })
    expect(woken()).toEqual(['a/orders/0', 'b/orders/0', 'b/orders/1'])
  })

  test('takes deleted records as dealt with', async () => {
    await putTrigger(harness, {})
    await append('orders', 0, 5)
    await harness.run(broker.deleteRecords({ topic: 'orders', partition: 0, beforeOffset: toOffset(5) }))
    expect(await sweep()).toMatchObject({ woken: 0, looked: 3 })
  })

  test('looks at a head once, however many triggers there are', async () => {
    for (const groupId of ['a', 'b', 'c']) await putTrigger(harness, { groupId })
    const before = harness.count('readHead')
    await sweep()
    expect(harness.count('readHead') - before).toBe(3)
  })

  test('is another occasion than the one before', async () => {
    await putTrigger(harness, {})
    await append('orders', 0)
    await sweep()
    await harness.pass(1_000)
    await sweep()
    expect(new Set(sent.map(({ occasion }) => occasion)).size).toBe(2)
  })

  test('ends at its deadline, and each begins somewhere else', async () => {
    for (const groupId of ['a', 'b', 'c', 'd']) {
      await putTrigger(harness, { groupId })
    }
    await append('orders', 0)
    harness.around = async (method, _, call) => {
      if (method === 'readHead') await harness.clock.sleep(1_000)
      return await call()
    }
    for (let round = 0; round < 40; round += 1) {
      expect(await sweep(500)).toEqual({ woken: 1, looked: 3, isFinished: false })
    }
    expect(new Set(woken())).toEqual(new Set(['a/orders/0', 'b/orders/0', 'c/orders/0', 'd/orders/0']))
  })
})
