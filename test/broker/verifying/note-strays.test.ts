import { beforeEach, expect, test } from 'vitest'
import { noteStrays } from '../../../src/broker/verifying/note-strays.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { logObjectKey } from '../../../src/core/storage-layout.ts'
import { batchOf } from '../harness.ts'
import { SettlingHarness, TINY } from '../settling/settling-harness.ts'

let harness: SettlingHarness
const STRAY_ID = 'cd'.repeat(16)

beforeEach(async () => {
  harness = new SettlingHarness()
  const broker = harness.open()
  await harness.run(broker.createTopic({ topic: 'tides' }))
  await harness.run(
    broker.produce({ topic: 'tides', partition: 0, batches: batchOf(['ebb'], { padding: 3_000 }) }),
  )
  await harness.run(harness.open().close())
  await harness.maintain({ isForced: true })
})

async function pass(): Promise<void> {
  await harness.pass(TINY.graceMs + TINY.resweepMs)
}

test('what nothing names is noted, and collected a grace later; what something names is not', async () => {
  const before = await harness.objects('log/')
  expect(before).toHaveLength(1)
  const stray = logObjectKey(await harness.partitionId('tides'), toOffset(900), STRAY_ID)
  await harness.plain.objects.put(stray, [new Uint8Array(9)])
  // A young one may be somebody's who has noted it since.
  expect(await noteStrays(harness.plain)).toBe(0)
  await pass()
  expect(await noteStrays(harness.plain)).toBe(1)
  expect(await noteStrays(harness.plain)).toBe(0)
  await harness.maintain()
  expect(await harness.objects('log/')).toContain(stray)
  await pass()
  await harness.maintain()
  expect(await harness.objects('log/')).toEqual(before)
  expect(await noteStrays(harness.plain)).toBe(0)
})

test('what is of a topic that the index does not know is left alone', async () => {
  const stray = logObjectKey({ topicId: 'nobody', partition: 0 }, toOffset(0), STRAY_ID)
  await harness.plain.objects.put(stray, [new Uint8Array(9)])
  await pass()
  expect(await noteStrays(harness.plain)).toBe(0)
  expect(await harness.objects('log/')).toContain(stray)
})
