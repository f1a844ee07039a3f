import { beforeEach, describe, expect, test } from 'vitest'
import { SeededEntropy } from '../../../src/adapters/memory/seeded-entropy.ts'
import type { LogBroker } from '../../../src/broker/log-broker.ts'
import { type Finding, VerifySummary } from '../../../src/broker/verifying/finding.ts'
import { verify } from '../../../src/broker/verifying/verify.ts'
import { REBUILD_OFFSETS_STEP } from '../../../src/core/limits.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { encodeBatch } from '../../../src/core/record/index.ts'
import { logObjectKey, parseLogObjectKey } from '../../../src/core/storage-layout.ts'
import { partitionsOf } from '../../../src/core/topic/partition-id.ts'
import { NotApplied } from '../../../src/ports/outcome.ts'
import { batchOf, numbered, type ReadRecord } from '../harness.ts'
import { SettlingHarness, TINY } from '../settling/settling-harness.ts'
import { rebuildOn, topicsOf, withoutIndex } from './lost-index.ts'

let harness: SettlingHarness
let broker: LogBroker

beforeEach(() => {
  harness = new SettlingHarness()
  broker = harness.open()
})

async function produce(topic: string, partition: number, values: readonly string[], padding = 3_000) {
  for (const value of values) {
    await harness.run(broker.produce({ topic, partition, batches: batchOf([value], { padding }) }))
  }
}

/** Compacted as often as anything has settled. */
const COMPACTED = {
  'cleanup.policy': 'compact,delete',
  'retention.ms': '-1',
  'min.cleanable.dirty.ratio': '0.01',
  'delete.retention.ms': `${TINY.graceMs}`,
}

/** Few keys, so that most records are superseded; now and then a tombstone. */
async function produceKeyed(topic: string, values: readonly string[], entropy: SeededEntropy): Promise<void> {
  const records = values.map(value => ({
    key: Buffer.from(`key ${entropy.integer(0, 4)}`),
    value: entropy.integer(0, 5) === 0 ? null : Buffer.from(value),
    timestampMs: harness.clock.nowMs(),
  }))
  const batches = new Uint8Array(encodeBatch(records, {}))
  await harness.run(broker.produce({ topic, partition: 0, batches }))
}

/** A store goes on to be written and to settle as any other. */
async function goOn(store: SettlingHarness, entropy: SeededEntropy): Promise<void> {
  const anew = store.open()
  for (let round = 0; round < 4; round += 1) {
    for await (const { name } of store.plain.topics.list()) {
      const records = Array.from({ length: 3 }, () => ({
        key: Buffer.from(`key ${entropy.integer(0, 4)}`),
        value: Buffer.from(`${round}`),
        timestampMs: store.clock.nowMs(),
      }))
      const batches = new Uint8Array(encodeBatch(records, {}))
      await store.run(anew.produce({ topic: name, partition: 0, batches }))
    }
    await store.run(store.open().close())
    await store.pass(TINY.graceMs)
    const { failed, isDone } = await store.maintain({ isForced: true })
    expect([failed, isDone]).toEqual([[], true])
  }
}

async function errorsIn({ plain }: SettlingHarness): Promise<Finding[]> {
  const errors: Finding[] = []
  for await (const finding of verify(plain, new VerifySummary(), { isDeep: true })) {
    if (finding.severity === 'error') errors.push(finding)
  }
  return errors
}

/** All that is in tails goes into blocks, and what is due settles. */
async function settle(): Promise<void> {
  await harness.run(harness.open().close())
  await harness.maintain()
}

/** What each live partition has settled, by topic and number. */
async function settledOf(store: SettlingHarness): Promise<Map<string, ReadRecord[]>> {
  const logs = new Map<string, ReadRecord[]>()
  for await (const topic of store.plain.topics.list()) {
    if (topic.state !== 'live') continue
    for (const partition of partitionsOf(topic)) {
      logs.set(`${topic.name}/${partition.partition}`, await store.settledRecords(partition))
    }
  }
  return logs
}

test('a store whose index is lost gets its topics back, and every record that had settled, at its offset', async () => {
  const configs = { 'retention.ms': '-1', 'max.message.bytes': '100000' }
  await harness.run(broker.createTopic({ topic: 'tides', partitions: 2, configs }))
  for (let round = 0; round < 9; round += 1) {
    await produce('tides', 0, numbered(round * 4, 4))
    await settle()
  }
  await produce('tides', 0, ['not settled'])
  const before = await settledOf(harness)
  const lost = withoutIndex(harness)
  const { told, summary } = await rebuildOn(lost)
  expect(told).toEqual([{ kind: 'topic', topic: 'tides', partitions: 2, records: 36 }])
  expect(summary).toMatchObject({ topics: 1, partitions: 2, records: 36, at: null })
  expect(await topicsOf(lost)).toEqual(await topicsOf(harness))
  expect(await settledOf(lost)).toEqual(before)
  for (const partition of [0, 1]) {
    expect(await lost.problems(await lost.partitionId('tides', partition))).toEqual([])
  }
  const { findings } = await lost.verify()
  expect(findings.filter(({ severity }) => severity !== 'leftover')).toEqual([])
})

describe('a log that was made anew', () => {
  beforeEach(async () => {
    await harness.run(broker.createTopic({ topic: 'tides' }))
    for (let round = 0; round < 5; round += 1) {
      await produce('tides', 0, numbered(round * 4, 4))
      await settle()
    }
  })

  test('gives no offset again that was told for what had not settled, and goes on', async () => {
    await produce('tides', 0, ['not settled'])
    const lost = withoutIndex(harness)
    await rebuildOn(lost)
    const anew = lost.open()
    const batches = batchOf(['new'])
    const { baseOffset } = await lost.run(anew.produce({ topic: 'tides', partition: 0, batches }))
    expect(baseOffset).toBe(REBUILD_OFFSETS_STEP)
    await lost.run(anew.close())
    await lost.pass(TINY.roundMs)
    expect((await lost.maintain({ isForced: true })).failed).toEqual([])
    const records = await lost.settledRecords(await lost.partitionId('tides'))
    expect(records.map(({ value }) => value)).toEqual([...numbered(0, 20), 'new'])
  })

  test('starts where it did', async () => {
    await harness.run(broker.deleteRecords({ topic: 'tides', partition: 0, beforeOffset: toOffset(7) }))
    await produce('tides', 0, numbered(20, 4))
    await settle()
    const lost = withoutIndex(harness)
    await rebuildOn(lost)
    expect((await lost.head(await lost.partitionId('tides'))).startOffset).toBe(7)
    expect(await settledOf(lost)).toEqual(await settledOf(harness))
  })

  test('keeps the objects of what had not settled, until somebody lets them go', async () => {
    await produce('tides', 0, ['not settled', 'nor this'], 9_000)
    const unsettled = (await harness.objects()).filter(key => !key.startsWith('log/'))
    expect(unsettled.length).toBeGreaterThan(1)
    const lost = withoutIndex(harness)
    await rebuildOn(lost)
    for (let run = 0; run < 4; run += 1) {
      await lost.pass(TINY.graceMs + TINY.resweepMs)
      await lost.maintain()
    }
    expect(await lost.objects()).toEqual(expect.arrayContaining(unsettled))
    const { findings } = await lost.verify()
    expect(findings).toEqual([
      { severity: 'leftover', place: 'the store', problem: expect.stringContaining('maintain --release') },
    ])
  })

  test('collects what was superseded', async () => {
    const lost = withoutIndex(harness)
    await rebuildOn(lost)
    for (let run = 0; run < 4; run += 1) {
      await lost.pass(TINY.graceMs + TINY.resweepMs)
      await lost.maintain()
    }
    const tides = await lost.partitionId('tides')
    const named = (await lost.segments(tides)).map(({ segment }) =>
      logObjectKey(tides, segment.baseOffset, segment.id),
    )
    expect(await lost.objects('log/')).toEqual(named.sort())
  })

  test('says what is lost with an object, and brings back what is there', async () => {
    const tides = await harness.partitionId('tides')
    for (let run = 0; run < 3; run += 1) {
      await harness.pass(TINY.graceMs + TINY.resweepMs)
      await settle()
    }
    const [, second] = await harness.segments(tides)
    const { baseOffset, end, id } = second!.segment
    await harness.plain.objects.remove(logObjectKey(tides, baseOffset, id))
    const lost = withoutIndex(harness)
    const { told } = await rebuildOn(lost)
    expect(told).toContainEqual({ kind: 'lost', topic: 'tides', partition: 0, from: baseOffset, to: end })
    expect(await lost.problems(tides)).toEqual([])
    const values = (await lost.settledRecords(tides)).map(({ value }) => value)
    expect(values).toEqual(numbered(0, 20).filter((_, offset) => offset < baseOffset || offset >= end))
  })

  test('leaves alone what is damaged, and says so', async () => {
    const [key] = await harness.objects('log/')
    await harness.plain.objects.put(key!, [new Uint8Array(40)])
    const { told } = await rebuildOn(withoutIndex(harness))
    expect(told).toContainEqual({ kind: 'unreadable', key, problem: 'it does not end with a footer' })
  })
})

test('an index that has topics is none that was lost', async () => {
  await harness.run(broker.createTopic({ topic: 'tides' }))
  const failed = rebuildOn(harness)
  await expect(failed).rejects.toThrow('The index has topics ("tides" is one): it is not lost')
  expect(await harness.plain.upkeep.readIngest()).toBe(undefined)
})

test('a deleted topic stays deleted, and what it has left is collected', async () => {
  for (const topic of ['ebb', 'flow']) {
    await harness.run(broker.createTopic({ topic }))
    await produce(topic, 0, numbered(0, 4))
  }
  await settle()
  await harness.run(broker.deleteTopic('ebb'))
  await harness.run(broker.createTopic({ topic: 'ebb' }))
  await produce('ebb', 0, ['a newer one'])
  await settle()
  const lost = withoutIndex(harness)
  await rebuildOn(lost)
  expect(await topicsOf(lost)).toEqual(await topicsOf(harness))
  expect(await settledOf(lost)).toEqual(await settledOf(harness))
  for (let run = 0; run < 4; run += 1) {
    await lost.pass(TINY.graceMs + TINY.resweepMs)
    await lost.maintain()
  }
  const ids = new Set((await lost.objects('log/')).map(key => parseLogObjectKey(key)!.partition.topicId))
  expect(ids.size).toBe(2)
})

test('what is broken off anywhere is ended by the next try', async () => {
  await harness.run(broker.createTopic({ topic: 'tides', partitions: 2 }))
  for (let round = 0; round < 4; round += 1) {
    for (const partition of [0, 1]) await produce('tides', partition, numbered(round * 3, 3))
    await settle()
  }
  const before = await settledOf(harness)
  const topics = await topicsOf(harness)
  const objects = new Map<string, Uint8Array>()
  for (const key of await harness.objects())
    objects.set(key, (await harness.plain.objects.get(key, 0 as never, 1e9))!)
  for (let step = 1; ; step += 1) {
    // What an earlier try has written into the bucket is of another store.
    for (const key of await harness.objects()) if (!objects.has(key)) await harness.plain.objects.remove(key)
    const lost = withoutIndex(harness)
    let left = step
    const breaking = new Proxy(lost.plain.index, {
      get: (target, name) => {
        const value = Reflect.get(target, name, target)
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => {
          left -= 1
          if (left <= 0) throw new Error('broken off')
          return value.apply(target, args)
        }
      },
    })
    const isWhole = await rebuildOn(lost, { ...lost.plain, index: breaking }).then(
      () => true,
      () => false,
    )
    await rebuildOn(lost)
    expect([step, await topicsOf(lost)]).toEqual([step, topics])
    expect([step, await settledOf(lost)]).toEqual([step, before])
    if (isWhole) break
  }
})

test('a store that refuses now and then is asked again', async () => {
  await harness.run(broker.createTopic({ topic: 'tides' }))
  await produce('tides', 0, numbered(0, 6))
  await settle()
  const lost = withoutIndex(harness)
  let calls = 0
  const index = new Proxy(lost.plain.index, {
    get: (target, name) => {
      const value = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => {
        calls += 1
        if (calls % 3 === 0) throw new NotApplied('throttled')
        return value.apply(target, args)
      }
    },
  })
  await rebuildOn(lost, { ...lost.plain, index })
  expect(await settledOf(lost)).toEqual(await settledOf(harness))
})

test('after any history, every record that had settled is back at its offset, and nothing more', async () => {
  for (let seed = 1; seed <= 25; seed += 1) {
    harness = new SettlingHarness(seed)
    broker = harness.open()
    const entropy = new SeededEntropy(seed)
    const names = ['a', 'b', 'c']
    let number = 0
    const hasTopic = async (topic: string) => (await harness.plain.topics.get(topic)) !== undefined
    for (let step = entropy.integer(10, 60); step > 0; step -= 1) {
      const topic = names[entropy.integer(0, 2)]!
      const kind = entropy.integer(0, 11)
      if (!(await hasTopic(topic))) {
        const configs = topic === 'c' ? COMPACTED : { 'flush.ms': `${entropy.integer(1, 9)}00` }
        await harness.run(broker.createTopic({ topic, partitions: entropy.integer(1, 2), configs }))
      } else if (kind < 5) {
        const values = Array.from({ length: entropy.integer(1, 6) }, () => `${number++}`)
        if (topic === 'c') await produceKeyed(topic, values, entropy)
        else await produce(topic, 0, values)
      } else if (kind < 8) {
        await harness.pass(entropy.integer(0, 1) * TINY.roundMs)
        await settle()
      } else if (kind === 8) {
        const { nextOffset, startOffset } = await harness.head(await harness.partitionId(topic))
        const beforeOffset = toOffset(entropy.integer(startOffset, nextOffset))
        await harness.run(broker.deleteRecords({ topic, partition: 0, beforeOffset }))
        await settle()
      } else if (kind === 9 && entropy.integer(0, 2) === 0) {
        await harness.run(broker.deleteTopic(topic))
      } else if (kind === 10) {
        await harness.pass(TINY.graceMs)
        await settle()
      }
    }
    await settle()
    const lost = withoutIndex(harness)
    const { told } = await rebuildOn(lost)
    const logs = await settledOf(harness)
    expect([seed, told.filter(({ kind }) => kind !== 'topic')]).toEqual([seed, []])
    const rebuilt = await settledOf(lost)
    for (const [log, records] of logs) {
      // Of a topic in which nothing has settled nobody can know.
      if (rebuilt.has(log) || records.length > 0)
        expect([seed, log, rebuilt.get(log)]).toEqual([seed, log, records])
    }
    for (const log of rebuilt.keys()) expect([seed, log, logs.has(log)]).toEqual([seed, log, true])
    await goOn(lost, entropy)
    expect([seed, await errorsIn(lost)]).toEqual([seed, []])
  }
})
