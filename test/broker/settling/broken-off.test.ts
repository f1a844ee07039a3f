import { describe, expect, test } from 'vitest'
import type { LogBroker } from '../../../src/broker/log-broker.ts'
import { flush } from '../../../src/broker/settling/flush.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { logObjectKey, parseStartMarkerKey } from '../../../src/core/storage-layout.ts'
import type { PartitionId } from '../../../src/core/topic/partition-id.ts'
import { batchOf, numbered } from '../harness.ts'
import { SettlingHarness, TINY } from './settling-harness.ts'

/** A store in which everything waits to be done that settling does. */
class Waiting {
  readonly harness = new SettlingHarness()
  readonly broker: LogBroker = this.harness.open()
  tides!: PartitionId

  async prepare(): Promise<void> {
    const { harness, broker } = this
    await harness.run(broker.createTopic({ topic: 'tides' }))
    await harness.run(broker.createTopic({ topic: 'gone' }))
    this.tides = await harness.partitionId('tides')
    // Rolled already, three times: enough to be merged, but for the last.
    for (let first = 0; first < 12; first += 4) {
      await this.#produce(first, 4)
      await harness.maintain({ upkeep: false }, { ...TINY, mergeSegmentsMin: 100, mergeSegmentsMax: 100 })
    }
    await this.#produce(12, 4)
    await harness.run(broker.deleteRecords({ topic: 'tides', partition: 0, beforeOffset: toOffset(5) }))
    await harness.maintain({ partitions: [], upkeep: true })
    for (let epoch = 0; epoch < 3; epoch += 1) {
      await harness.pass(TINY.roundMs)
      await this.#produce(16 + epoch * 2, 2)
      await harness.maintain({ partitions: [], upkeep: true })
    }
    const batches = batchOf(['the last'], { padding: 8_000 })
    await harness.run(broker.produce({ topic: 'gone', partition: 0, batches }))
    await harness.run(broker.deleteTopic('gone'))
    await harness.pass(TINY.graceMs + TINY.roundMs)
  }

  async #produce(first: number, count: number): Promise<void> {
    const { harness, broker, tides } = this
    for (let number = first; number < first + count; number += 1) {
      const batches = batchOf([`record ${number}`], { padding: 8_000 })
      await harness.run(broker.produce({ topic: 'tides', partition: 0, batches }))
    }
    const age = { epochsBelow: Number.POSITIVE_INFINITY }
    const deadlineMs = harness.clock.monotonicMs() + 10_000
    await harness.run(flush(harness.ports, [{ partition: tides, age }], deadlineMs))
  }

  /** Has a run end at its call of this number, before or after that has done something; false where it has no more calls. */
  async breakOff(at: number, when: 'before' | 'after'): Promise<boolean> {
    const { harness } = this
    let calls = 0
    harness.around = async (_, __, call) => {
      calls += 1
      if (calls < at) return await call()
      if (calls === at && when === 'after') await call()
      throw new RangeError('this process is no more')
    }
    await harness.maintain({ isForced: true }).catch(error => expect(error).toBeInstanceOf(RangeError))
    harness.around = (_, __, call) => call()
    return calls >= at
  }

  async expectWhole(): Promise<void> {
    const { harness, tides } = this
    expect(await harness.problems(tides)).toEqual([])
    const records = await harness.settledRecords(tides)
    const { settled, startOffset } = await harness.head(tides)
    const count = Math.max(0, settled.settledOffset - startOffset)
    expect(records.map(({ value }) => value)).toEqual(numbered(startOffset, count))
  }

  async expectNoLeftovers(): Promise<void> {
    const { harness, tides } = this
    for (let run = 0; run < 6; run += 1) {
      await harness.pass(TINY.resweepMs + TINY.graceMs)
      const { isDone, failed } = await harness.maintain({ isForced: true })
      expect([isDone, failed]).toEqual([true, []])
    }
    await this.expectWhole()
    expect(await harness.notes()).toEqual([])
    const counted = (await harness.segments(tides)).map(({ segment }) =>
      logObjectKey(tides, segment.baseOffset, segment.id),
    )
    const objects = await harness.objects('log/')
    expect(objects.filter(key => !parseStartMarkerKey(key))).toEqual(counted.sort())
    expect(await harness.objects('segments/')).toEqual([])
    expect(await harness.plain.index.readBlocks(tides, toOffset(0), 10)).toEqual([])
  }
}

describe.each(['before', 'after'] as const)('a run that is broken off %s any of its steps', when => {
  test('leaves a whole log, and the next one tidies up', async () => {
    for (let at = 1; ; at += 1) {
      const waiting = new Waiting()
      await waiting.prepare()
      const isBroken = await waiting.breakOff(at, when)
      await waiting.expectWhole()
      await waiting.expectNoLeftovers()
      if (!isBroken) {
        expect(at).toBeGreaterThan(50)
        return
      }
    }
  })
})
