import { expect, test } from 'vitest'
import type { LogBroker } from '../../../src/broker/log-broker.ts'
import { flush } from '../../../src/broker/settling/flush.ts'
import { maintain } from '../../../src/broker/settling/maintain.ts'
import { type Finding, VerifySummary } from '../../../src/broker/verifying/finding.ts'
import { verify } from '../../../src/broker/verifying/verify.ts'
import { toPosition } from '../../../src/core/numbers.ts'
import { logObjectKey } from '../../../src/core/storage-layout.ts'
import type { PartitionId } from '../../../src/core/topic/partition-id.ts'
import { batchOf } from '../harness.ts'
import { SettlingHarness, TINY } from '../settling/settling-harness.ts'

/** A log that settles anew while somebody else looks at its objects. */
async function openBusyLog() {
  const harness = new SettlingHarness()
  const broker = harness.open()
  await harness.run(broker.createTopic({ topic: 'tides' }))
  const tides = await harness.partitionId('tides')
  for (let number = 0; number < 12; number += 1) await harness.run(settleMore(harness, broker, tides))
  // One that is rolled and not merged, at the beginning of each look.
  await harness.run(settleMore(harness, broker, tides, 1))
  let isDue = false
  harness.around = async (method, _, call) => {
    const result = await call()
    if (method === 'readHead') isDue = true
    if (method !== 'get' || !isDue) return result
    isDue = false
    await settleMore(harness, broker, tides)
    isDue = false
    return result
  }
  return { harness, tides }
}

async function settleMore(harness: SettlingHarness, broker: LogBroker, partition: PartitionId, commits = 3) {
  const age = { epochsBelow: Number.POSITIVE_INFINITY }
  for (let number = 0; number < commits; number += 1) {
    await broker.produce({ topic: 'tides', partition: 0, batches: batchOf(['a'], { padding: 8_000 }) })
    await flush(harness.plain, [{ partition, age }], harness.clock.monotonicMs() + 10_000)
    await maintain(harness.plain, TINY, { upkeep: false }, harness.budget())
  }
}

async function findingsOf(harness: SettlingHarness): Promise<Finding[]> {
  const findings: Finding[] = []
  const look = async () => {
    for await (const finding of verify(harness.ports, new VerifySummary(), { isDeep: true }))
      findings.push(finding)
  }
  await harness.run(look())
  return findings.filter(({ severity }) => severity === 'error')
}

test('a sound log that settles faster than it is looked at is not called broken', async () => {
  const { harness } = await openBusyLog()
  expect(await findingsOf(harness)).toEqual([])
})

test('damage in one is told all the same', async () => {
  const { harness, tides } = await openBusyLog()
  const [placed] = await harness.segments(tides)
  const { baseOffset, id, bytes, footerBytes } = placed!.segment
  const key = logObjectKey(tides, baseOffset, id)
  const whole = (await harness.plain.objects.get(key, toPosition(0), bytes + footerBytes))!
  const damaged = Uint8Array.from(whole)
  damaged[100]! ^= 0xff
  await harness.plain.objects.put(key, [damaged])
  expect(await findingsOf(harness)).toMatchObject([{ place: `tides/0 segment ${baseOffset}` }])
})

test('so is an item that is missing', async () => {
  const { harness, tides } = await openBusyLog()
  const [, placed] = await harness.segments(tides)
  await harness.plain.index.removeSegment(tides, placed!.level, placed!.segment)
  const problems = (await findingsOf(harness)).map(({ problem }) => problem)
  const { baseOffset, end } = placed!.segment
  expect(problems).toContain(`offsets ${baseOffset} to ${end - 1} are in no segment`)
})
