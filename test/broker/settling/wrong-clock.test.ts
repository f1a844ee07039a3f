import { expect, test } from 'vitest'
import { flush } from '../../../src/broker/settling/flush.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { logObjectKey } from '../../../src/core/storage-layout.ts'
import type { Ports } from '../../../src/ports/index.ts'
import { batchOf } from '../harness.ts'
import { SettlingHarness, TINY } from './settling-harness.ts'

const YEAR_MS = 365 * 24 * 60 * 60_000

/** The same store, by a clock that is a year ahead. */
function ahead({ ports, clock }: SettlingHarness): Ports {
  return {
    ...ports,
    clock: {
      nowMs: () => clock.nowMs() + YEAR_MS,
      monotonicMs: () => clock.monotonicMs(),
      sleep: (durationMs, signal) => clock.sleep(durationMs, signal),
      turn: () => clock.turn(),
    },
  }
}

test('what a clock has put off that was a year ahead is done once it is right again', async () => {
  const harness = new SettlingHarness()
  const broker = harness.open()
  for (const topic of ['tides', 'gone']) await harness.run(broker.createTopic({ topic }))
  const tides = await harness.partitionId('tides')
  const produce = async () => {
    await harness.run(
      broker.produce({ topic: 'tides', partition: 0, batches: batchOf(['a'], { padding: 3_000 }) }),
    )
    const requests = [{ partition: tides, age: { epochsBelow: Number.POSITIVE_INFINITY } }]
    await harness.run(flush(harness.ports, requests, harness.clock.monotonicMs() + 10_000))
  }
  const wrong = ahead(harness)
  for (let run = 0; run < 6; run += 1) {
    await produce()
    await harness.pass(6_000)
    await harness.maintain({}, TINY, wrong)
  }
  const notedMs = wrong.clock.nowMs()
  const lost = logObjectKey(tides, toOffset(0), '0'.repeat(32))
  await harness.plain.objects.put(lost, [new Uint8Array(5)])
  await harness.plain.upkeep.putNote({ kind: 'intent', key: lost, level: 'rolled', notedMs })
  const { topicId } = await harness.partitionId('gone')
  await harness.run(broker.deleteTopic('gone'))
  await harness.plain.upkeep.putNote({
    kind: 'topic',
    topicId,
    name: 'gone',
    partitions: 1,
    notedMs,
    sweeps: 0,
  })
  expect((await harness.notes()).length).toBeGreaterThan(3)

  for (let run = 0; run < 12; run += 1) {
    await harness.pass(TINY.resweepMs)
    await harness.maintain({ isForced: true })
  }
  const ingest = (await harness.plain.upkeep.readIngest())!
  expect(ingest.swept).toBeGreaterThan(ingest.written)
  expect(await harness.objects('ingest/')).toEqual([])
  expect(await harness.notes()).toEqual([])
  expect(await harness.problems(tides)).toEqual([])
  const counted = (await harness.segments(tides)).map(({ segment }) =>
    logObjectKey(tides, segment.baseOffset, segment.id),
  )
  expect(await harness.objects('log/')).toEqual(counted.sort())
})
