import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { LogBroker } from '../../../src/broker/log-broker.ts'
import { MAINTENANCE_LEASE_MS } from '../../../src/core/limits.ts'
import type { PartitionId } from '../../../src/core/topic/partition-id.ts'
import { batchOf } from '../harness.ts'
import { SettlingHarness, TINY } from './settling-harness.ts'

let harness: SettlingHarness
let broker: LogBroker
let tides: PartitionId

beforeEach(async () => {
  harness = new SettlingHarness()
  broker = harness.open({ settles: 'in-background', settling: TINY })
  broker.start()
  await harness.run(broker.createTopic({ topic: 'tides' }))
  tides = await harness.partitionId('tides')
})

afterEach(async () => {
  await harness.run(broker.close())
})

async function produce(count: number): Promise<void> {
  for (let number = 0; number < count; number += 1) {
    const batches = batchOf([`record ${number}`], { padding: 5_000 })
    await harness.run(broker.produce({ topic: 'tides', partition: 0, batches }))
  }
}

describe('the background task', () => {
  test('rolls and merges beside producing, and has old epochs go', async () => {
    await produce(40)
    await harness.pass(20_000)
    const rolled = (await harness.head(tides)).settled
    expect(rolled.settledOffset).toBeGreaterThan(20)
    for (let minute = 0; minute < 10; minute += 1) {
      await produce(20)
      await harness.pass(61_000)
    }
    const { settled, tailOffset } = await harness.head(tides)
    expect(settled.mergedOffset).toBeGreaterThan(rolled.mergedOffset)
    expect(settled.settledOffset).toBe(tailOffset)
    expect(await harness.problems(tides)).toEqual([])
    expect((await harness.plain.upkeep.readIngest())?.swept).toBeGreaterThan(0)
    expect(await harness.objects('segments/')).toEqual([])
    expect(harness.errors).toEqual([])
  })

  test('leaves the work to whoever has it, and takes it over from one that is gone', async () => {
    const { upkeep, clock } = harness.plain
    await harness.run(broker.close())
    const untilMs = clock.nowMs() + MAINTENANCE_LEASE_MS
    expect(await upkeep.takeLease('maintenance', 'another', clock.nowMs(), untilMs)).toBe(true)
    broker = harness.open({ settles: 'in-background', settling: TINY })
    broker.start()
    await produce(30)
    await harness.pass(MAINTENANCE_LEASE_MS / 2)
    expect((await harness.head(tides)).settled.settledOffset).toBe(0)
    await harness.pass(MAINTENANCE_LEASE_MS * 2)
    expect((await harness.head(tides)).settled.settledOffset).toBeGreaterThan(0)
  })

  test('goes on with what failed, and reports it', async () => {
    let isBroken = true
    harness.around = async (method, _, call) => {
      if (method === 'putSegment' && isBroken) throw new RangeError('a defect')
      return await call()
    }
    await produce(30)
    await harness.pass(3_000)
    expect(harness.errors).toContainEqual(new RangeError('a defect'))
    isBroken = false
    await harness.pass(20_000)
    expect((await harness.head(tides)).settled.settledOffset).toBeGreaterThan(0)
    expect(await harness.problems(tides)).toEqual([])
  })
})
