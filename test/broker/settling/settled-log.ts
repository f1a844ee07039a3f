import { untilDeadline } from '../../../src/broker/settling/budget.ts'
import { flush } from '../../../src/broker/settling/flush.ts'
import { type SettlingSettings, settlingSettings } from '../../../src/broker/settling/settling-settings.ts'
import { visit } from '../../../src/broker/settling/visit-partition.ts'
import type { Log } from '../../../src/broker/settling/write-segment.ts'
import type { Head } from '../../../src/core/log/head.ts'
import type { PlacedSegment } from '../../../src/ports/log-index.ts'
import type { Harness } from '../harness.ts'

/** Nothing is merged, so that each rolled segment stays one. */
export const SETTINGS = settlingSettings({ rollYoungMs: 0, mergeSegmentsMin: 1_000, mergeSegmentsMax: 1_000 })

/** One partition's log whose settling a test does by hand. */
export class SettledLog {
  readonly #harness: Harness
  readonly #topic: string
  readonly settings: SettlingSettings

  constructor(harness: Harness, topic: string, settings: Partial<SettlingSettings> = {}) {
    this.#harness = harness
    this.#topic = topic
    this.settings = { ...SETTINGS, ...settings }
  }

  /** As somebody who settles it knows it now. */
  async log(): Promise<Log> {
    const topic = (await this.#harness.plain.topics.get(this.#topic))!
    return { topic, partition: { topicId: topic.topicId, partition: 0 } }
  }

  async head(): Promise<Head> {
    return (await this.#harness.plain.index.readHead((await this.log()).partition))!
  }

  /** All segments, also those that do not count. */
  async segments(): Promise<PlacedSegment[]> {
    const found: PlacedSegment[] = []
    for await (const each of this.#harness.plain.index.segments((await this.log()).partition))
      found.push(each)
    return found
  }

  budget(forMs = 60_000) {
    return untilDeadline(this.#harness.clock.monotonicMs() + forMs)
  }

  /** Produces these calls' batches, and makes one segment of them. */
  async roll(...calls: readonly Uint8Array[]): Promise<void> {
    await this.produce(...calls)
    await this.settle()
  }

  async produce(...calls: readonly Uint8Array[]): Promise<void> {
    const broker = this.#harness.open()
    for (const batches of calls) {
      await this.#harness.run(broker.produce({ topic: this.#topic, partition: 0, batches: batches.slice() }))
    }
  }

  /** Moves all that there is into a segment. */
  async settle(): Promise<void> {
    const harness = this.#harness
    const { topic, partition } = await this.log()
    // As if it were older than retention: a test says itself when something goes.
    const log = { topic: { ...topic, expires: false }, partition }
    const { ports, clock } = harness
    const deadlineMs = clock.monotonicMs() + 60_000
    await harness.run(flush(ports, [{ partition: log.partition, age: 'all' }], deadlineMs))
    const wants = { epochsBelow: Number.POSITIVE_INFINITY, isThorough: true }
    await harness.run(visit(ports, this.settings, log, wants, this.budget()))
  }
}
