import { beforeEach, describe, expect, test } from 'vitest'
import type { LogBroker } from '../../../src/broker/log-broker.ts'
import { flush } from '../../../src/broker/settling/flush.ts'
import { maintain } from '../../../src/broker/settling/maintain.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import type { PartitionId } from '../../../src/core/topic/partition-id.ts'
import { StoreFailed } from '../../../src/ports/outcome.ts'
import { batchOf } from '../harness.ts'
import { SettlingHarness, TINY } from './settling-harness.ts'

let harness: SettlingHarness
let broker: LogBroker
let tides: PartitionId

beforeEach(async () => {
  harness = new SettlingHarness()
  broker = harness.open()
  await harness.run(broker.createTopic({ topic: 'tides' }))
  tides = await harness.partitionId('tides')
  for (let number = 0; number < 6; number += 1) await produce('tides')
})

async function produce(topic: string): Promise<void> {
  await harness.run(broker.produce({ topic, partition: 0, batches: batchOf(['a'], { padding: 3_000 }) }))
  const requests = [
    { partition: await harness.partitionId(topic), age: { epochsBelow: Number.POSITIVE_INFINITY } },
  ]
  await harness.run(flush(harness.ports, requests, harness.clock.monotonicMs() + 10_000))
}

function blocks() {
  return harness.plain.index.readBlocks(tides, toOffset(0), 10)
}

describe('blocks of a log to which nobody writes any more', () => {
  test('go with the records in them that were deleted', async () => {
    await harness.run(broker.deleteRecords({ topic: 'tides', partition: 0, beforeOffset: toOffset(6) }))
    await harness.maintain({ upkeep: false })
    expect((await harness.head(tides)).settled.firstOffset).toBe(6)
    expect(await blocks()).toEqual([])
  })

  test('go with a round, where who settled them broke off before', async () => {
    await harness.run(broker.createTopic({ topic: 'waves' }))
    harness.around = async (method, _, call) => {
      if (method === 'removeBlocksBelow') throw new RangeError('it broke off')
      return await call()
    }
    while ((await harness.head(tides)).settled.settledOffset < 6) await harness.maintain({ upkeep: false })
    harness.around = (_, __, call) => call()
    expect(await blocks()).not.toEqual([])
    for (let run = 0; run < 4; run += 1) {
      await produce('waves')
      await harness.pass(TINY.roundMs + TINY.graceMs)
      await harness.maintain()
    }
    expect(await blocks()).toEqual([])
  })
})

test('a flush by who may remove nothing is none that fails', async () => {
  let isFirst = true
  harness.around = async (method, _, call) => {
    if (method === 'removeBlocksBelow') throw new StoreFailed('it takes the permission to remove')
    if (method === 'trimTail' && isFirst) {
      isFirst = false
      // Somebody else cuts by the same block, and rolls it.
      const age = { epochsBelow: Number.POSITIVE_INFINITY }
      const deadlineMs = harness.clock.monotonicMs() + 10_000
      await flush(harness.plain, [{ partition: tides, age }], deadlineMs)
      await maintain(harness.plain, TINY, { upkeep: false, isForced: true }, harness.budget())
    }
    return await call()
  }
  await harness.run(
    broker.produce({ topic: 'tides', partition: 0, batches: batchOf(['a'], { padding: 8_000 }) }),
  )
  const age = { epochsBelow: Number.POSITIVE_INFINITY }
  const [cut] = await harness.run(
    flush(harness.ports, [{ partition: tides, age }], harness.clock.monotonicMs() + 10_000),
  )
  expect(isFirst).toBe(false)
  expect(harness.count('removeBlocksBelow')).toBe(1)
  expect(cut?.status).toBe('fulfilled')
})
