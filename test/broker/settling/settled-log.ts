import { untilDeadline } from '../../../src/broker/settling/budget.ts'
import { flush } from '../../../src/broker/settling/flush.ts'
import { type SettlingSettings, settlingSettings } from '../../../src/broker/settling/settling-settings.ts'
import { visit } from '../../../src/broker/settling/visit-partition.ts'
import type { Log } from '../../../src/broker/settling/write-segment.ts'
import type { Head } from '../../../src/core/log/head.ts'
import type { PlacedSegment } from '../../../src/ports/log-index.ts'
import type { Harness } from '../harness.ts'

/** Nothing is merged, so that each rolled segment stays one. */
const SETTINGS = settlingSettings({ rollYoungMs: 0, mergeSegmentsMin: 1_000, mergeSegmentsMax: 1_000 })

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
    const { harness, log } = { harness: this.#harness, log: await this.log() }
    const { ports, clock } = harness
    const deadlineMs = clock.monotonicMs() + 60_000
    await harness.run(flush(ports, [{ partition: log.partition, age: 'all' }], deadlineMs))
    await harness.run(this.visitNow())
  }

  /** Rolls what lies in blocks, and drops what lies below the start. What expires and what is superseded stays. */
  async visitNow(): Promise<void> {
    const wants = { epochsBelow: Number.POSITIVE_INFINITY, isThorough: true }
    const { topic, partition } = await this.log()
    const isCompacted = topic.configs['cleanup.policy']?.includes('compact')
    // What is compacted is not merged; nor cleaned, as long as all of it is too young.
    const never = { 'cleanup.policy': 'compact', 'min.compaction.lag.ms': '9007199254740991' }
    const known = isCompacted
      ? { ...topic, configs: { ...topic.configs, ...never } }
      : { ...topic, expires: false }
    await visit(this.#harness.plain, this.settings, { topic: known, partition }, wants, this.budget())
  }
}
