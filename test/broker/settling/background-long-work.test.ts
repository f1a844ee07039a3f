import { expect, test } from 'vitest'
import { toOffset } from '../../../src/core/numbers.ts'
import { type BatchOptions, batchOf, NOW_MS } from '../harness.ts'
import { SettledLog } from './settled-log.ts'
import { SettlingHarness, TINY } from './settling-harness.ts'

/** Longer than a run has by far: what it takes to read all that is dirty. */
const READ_MS = 300
const SEGMENTS = 60
/** A run has half of it. */
const LEASE_MS = 2_000

test('a log that takes longer than a run to be compacted is, and keeps no other waiting', async () => {
  const harness = new SettlingHarness()
  const admin = harness.open()
  const keys: BatchOptions = { padding: 2_000 }
  await harness.run(
    admin.createTopic({ topic: 'a', configs: { 'cleanup.policy': 'compact', 'segment.bytes': '20000' } }),
  )
  await harness.run(
    admin.createTopic({ topic: 'b', configs: { 'retention.ms': '1000', 'segment.bytes': '100' } }),
  )
  const slow = new SettledLog(harness, 'a')
  for (let number = 0; number < SEGMENTS; number += 1) await slow.roll(batchOf(['k'], keys))
  const other = new SettledLog(harness, 'b')
  await other.roll(batchOf(['old'], { timestampMs: NOW_MS - 100_000 }))
  await other.roll(batchOf(['new']))

  harness.around = async (method, _, call) => {
    if (method === 'get') await harness.clock.sleep(READ_MS)
    return await call()
  }
  const broker = harness.open({ settles: 'in-background', settling: { ...TINY, leaseMs: LEASE_MS } })
  broker.start()
  await harness.pass(10 * 60_000)
  expect((await other.head()).startOffset).toBe(1)
  expect((await slow.head()).settled.cleanOffset).toBeGreaterThan(SEGMENTS / 2)
  harness.around = (_, __, call) => call()
  await harness.run(broker.close())
  const { partition } = await slow.log()
  expect(await harness.problems(partition)).toEqual([])
  expect((await harness.settledRecords(partition)).map(({ offset }) => offset)).toContain(
    toOffset(SEGMENTS - 1),
  )
  expect((await harness.settledRecords(partition)).length).toBeLessThan(SEGMENTS / 2)
})
