import { beforeEach, describe, expect, test } from 'vitest'
import type { LogBroker } from '../../../src/broker/log-broker.ts'
import { flush } from '../../../src/broker/settling/flush.ts'
import { maintain, type Progress } from '../../../src/broker/settling/maintain.ts'
import { settlingSettings } from '../../../src/broker/settling/settling-settings.ts'
import { firstIngest } from '../../../src/core/ingest/ingest.ts'
import { UNSETTLED } from '../../../src/core/log/settled/settled.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { logObjectKey, startMarkerKey } from '../../../src/core/storage-layout.ts'
import type { PartitionId } from '../../../src/core/topic/partition-id.ts'
import { batchOf, numbered } from '../harness.ts'
import { SettlingHarness, TINY } from './settling-harness.ts'

let harness: SettlingHarness
let broker: LogBroker
let tides: PartitionId

beforeEach(async () => {
  harness = new SettlingHarness()
  broker = harness.open()
  await harness.run(broker.createTopic({ topic: 'tides' }))
  tides = await harness.partitionId('tides')
})

/** Appends records, one commit each, and cuts them off into blocks. */
async function produce(first: number, count: number, padding = 8_000): Promise<void> {
  for (let number = first; number < first + count; number += 1) {
    const batches = batchOf([`record ${number}`], { padding })
    await harness.run(broker.produce({ topic: 'tides', partition: 0, batches }))
  }
  const age = { epochsBelow: Number.POSITIVE_INFINITY }
  const deadlineMs = harness.clock.monotonicMs() + 10_000
  const [cut] = await harness.run(flush(harness.ports, [{ partition: tides, age }], deadlineMs))
  expect(cut?.status).toBe('fulfilled')
}

/** The values of what has settled, once it is checked that each stands at its offset. */
async function settledValues(): Promise<string[]> {
  const records = await harness.settledRecords(tides)
  expect(records.map(({ offset }) => `record ${offset}`)).toEqual(records.map(({ value }) => value))
  return records.map(({ value }) => value)
}

/** Rounds and graces pass until nothing is left to be done. */
async function settleAll(): Promise<void> {
  for (let run = 0; run < 8; run += 1) {
    await harness.pass(TINY.resweepMs + TINY.graceMs)
    const maintained = await harness.maintain({ isForced: true })
    expect([maintained.isDone, maintained.failed]).toEqual([true, []])
  }
}

/** Nothing is left but what counts. */
async function expectNoLeftovers(): Promise<void> {
  expect(await harness.problems(tides)).toEqual([])
  expect(await harness.notes()).toEqual([])
  const counted = (await harness.segments(tides)).map(({ segment }) =>
    logObjectKey(tides, segment.baseOffset, segment.id),
  )
  const { startOffset } = await harness.head(tides)
  const others = (await harness.objects('log/')).filter(key => !counted.includes(key))
  // That says where the log starts, where no segment does.
  expect(others.filter(key => key !== startMarkerKey(tides, startOffset))).toEqual([])
  expect(await harness.objects('log/')).toEqual(expect.arrayContaining(counted))
}

describe('one run', () => {
  test('rolls what lies in blocks, at its offsets, and the blocks go', async () => {
    await produce(0, 40)
    const before = await harness.head(tides)
    expect(before.tailOffset).toBe(40)
    const maintained = await harness.maintain({ isForced: true })
    expect([maintained.isDone, maintained.failed]).toEqual([true, []])
    const head = await harness.head(tides)
    expect([head.settled.settledOffset, head.tailOffset]).toEqual([40, 40])
    expect(await harness.problems(tides)).toEqual([])
    expect(await harness.plain.index.readBlocks(tides, toOffset(40), 10)).toEqual([])
    expect(await settledValues()).toEqual(numbered(0, 40))
  })

  test('rolls nothing that is young, little, or in the tail', async () => {
    await produce(0, 3)
    const settings = settlingSettings()
    await harness.maintain({}, settings)
    expect((await harness.head(tides)).settled).toEqual(UNSETTLED)
    await harness.pass(settings.rollAgedMs)
    await harness.maintain({}, settings)
    expect((await harness.head(tides)).settled).toEqual(UNSETTLED)
  })

  test('merges what was rolled, and leaves nothing behind', async () => {
    for (let first = 0; first < 60; first += 5) {
      await produce(first, 5)
      await harness.maintain()
    }
    const { settled } = await harness.head(tides)
    expect(settled.mergedOffset).toBeGreaterThan(0)
    expect(settled.settledOffset).toBe(60)
    expect(await harness.problems(tides)).toEqual([])
    expect(await settledValues()).toEqual(numbered(0, 60))
    const writes = (await harness.segments(tides)).map(({ segment }) => segment.writes)
    expect(Math.max(...writes)).toBe(3)
    await settleAll()
    await expectNoLeftovers()
    expect(await settledValues()).toEqual(numbered(0, 60))
  })

  test('drops what lies below the start, up to the segment that holds it', async () => {
    for (let first = 0; first < 40; first += 5) {
      await produce(first, 5)
      await harness.maintain()
    }
    for (const beforeOffset of [3, 12, 27, 40]) {
      await harness.run(
        broker.deleteRecords({ topic: 'tides', partition: 0, beforeOffset: toOffset(beforeOffset) }),
      )
      await harness.maintain()
      expect(await harness.problems(tides)).toEqual([])
      const { settled, startOffset } = await harness.head(tides)
      expect(settled.firstOffset).toBeLessThanOrEqual(startOffset)
      expect(await settledValues()).toEqual(numbered(beforeOffset, 40 - beforeOffset))
    }
    const { settled } = await harness.head(tides)
    expect([settled.firstOffset, settled.segmentSum, settled.bytes]).toEqual([40, 0, 0])
    await produce(40, 5)
    await settleAll()
    await expectNoLeftovers()
    expect(await settledValues()).toEqual(numbered(40, 5))
  })
})

describe('rounds', () => {
  test('drain old epochs, whose objects go once the grace is over', async () => {
    await produce(0, 5)
    await harness.maintain()
    expect((await harness.objects('segments/')).length).toBe(5)
    for (let epoch = 1; epoch < 8; epoch += 1) {
      await harness.pass(61_000)
      await produce(epoch * 5, 5)
      await harness.maintain()
    }
    expect(await harness.objects('segments/')).toEqual([])
    expect((await harness.plain.upkeep.readIngest())?.drained).toBeGreaterThan(1)
    await settleAll()
    expect(await harness.objects('ingest/')).toEqual([])
    await expectNoLeftovers()
    expect(await settledValues()).toEqual(numbered(0, 40))
  })

  test('reach an idle partition, which needs no roll', async () => {
    await harness.run(broker.createTopic({ topic: 'calm', partitions: 3 }))
    await produce(0, 2)
    for (let run = 0; run < 6; run += 1) {
      await harness.pass(6_000)
      await produce(run, 1)
      await harness.maintain()
    }
    const { floor } = (await harness.plain.upkeep.readIngest())!
    expect(floor).toBeGreaterThan(0)
    const calm = await harness.partitionId('calm', 2)
    expect(await harness.head(calm)).toMatchObject({ appendFloor: floor, drained: floor })
  })
})

describe('a deleted topic', () => {
  test('leaves nothing behind but word of it', async () => {
    for (let first = 0; first < 30; first += 5) {
      await produce(first, 5)
      await harness.maintain()
    }
    const { topicId } = tides
    await harness.run(broker.deleteTopic('tides'))
    await settleAll()
    expect(await harness.notes()).toEqual([])
    expect(await harness.objects()).toEqual([`deleted/${topicId}`])
  })
})

test('a run of all partitions that is broken off is gone on with where it was', async () => {
  await harness.run(broker.createTopic({ topic: 'waves', partitions: 3 }))
  const visited = () => {
    const names = harness.progress.flatMap(each =>
      each.kind === 'visited' ? [`${each.topic} ${each.partition}`] : [],
    )
    harness.progress.length = 0
    return names
  }
  let visits = 0
  const { clock } = harness
  const budget = {
    deadlineMs: clock.monotonicMs() + 1_000,
    pace: async () => {
      visits += 1
      if (visits === 2) await clock.sleep(1_000)
    },
  }
  const report = (progress: Progress) => harness.progress.push(progress)
  const broken = await harness.run(maintain(harness.ports, TINY, { upkeep: false }, budget, report))
  expect([broken.isDone, broken.goesOnAt]).toEqual([false, { topic: 'waves', partition: 1 }])
  expect(visited()).toEqual(['tides 0', 'waves 0'])
  const rest = await harness.maintain({ upkeep: false, from: broken.goesOnAt })
  expect([rest.isDone, rest.goesOnAt]).toEqual([true, undefined])
  expect(visited()).toEqual(['waves 1', 'waves 2'])
})

test('a partition that fails is told, and keeps none from being settled', async () => {
  await harness.run(broker.createTopic({ topic: 'waves' }))
  await produce(0, 4)
  const waves = await harness.partitionId('waves')
  harness.around = async (method, args, call) => {
    const id = args[0] as PartitionId | undefined
    if (method === 'readHead' && id?.topicId === waves.topicId) throw new RangeError('a defect')
    return await call()
  }
  harness.plain.upkeep.putIngest({ ...firstIngest(0, 'v'), epoch: 9 }, undefined)
  const maintained = await harness.maintain({ isForced: true })
  const failure = { topic: 'waves', partition: 0, reason: 'a defect' }
  // Once by the round, which is not published then, and once by the visit.
  expect([maintained.isDone, maintained.failed]).toEqual([true, [failure, failure]])
  expect((await harness.head(tides)).settled.settledOffset).toBe(4)
  expect(await harness.plain.upkeep.readIngest()).toMatchObject({
    drained: 0,
    cursor: null,
    stuck: [`${waves.topicId}#0`],
  })
})

describe('who meets with others', () => {
  test('leaves a log to them where they are always faster', async () => {
    await produce(0, 8)
    let isOther = false
    harness.around = async (method, _, call) => {
      if (method === 'rearrange' && !isOther) {
        // Somebody deletes from the log's beginning just before each move.
        isOther = true
        const { settled } = await harness.head(tides)
        await broker.deleteRecords({
          topic: 'tides',
          partition: 0,
          beforeOffset: toOffset(Math.min(7, settled.settledOffset + 1)),
        })
        await maintain(harness.plain, TINY, { upkeep: false }, harness.budget())
        isOther = false
      }
      return await call()
    }
    expect(await harness.maintain({ upkeep: false })).toMatchObject({ isDone: true, failed: [] })
    harness.around = (_, __, call) => call()
    await settleAll()
    await expectNoLeftovers()
  })

  test('tells of a log of which something is missing, since nobody moves it', async () => {
    await produce(0, 4)
    await harness.plain.index.removeBlocksBelow(tides, toOffset(4))
    const { failed } = await harness.maintain({ upkeep: false })
    expect(failed).toEqual([{ topic: 'tides', partition: 0, reason: 'there is no block at 0 any more' }])
  })
})
