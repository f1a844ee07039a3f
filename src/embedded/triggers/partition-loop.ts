import { GroupCall } from '../../broker/groups/group-call.ts'
import type { TopicDirectory } from '../../broker/topics/topic-directory.ts'
import type { Delivered } from '../../broker/triggers/delivering/delivered.ts'
import type { Delivery } from '../../broker/triggers/delivering/delivery.ts'
import type { Broker } from '../../contract/broker.ts'
import { TidemarkError } from '../../core/errors.ts'
import { FETCH_WAIT_MS_MAX, LOCAL_DELIVERY_MS, LOCAL_TROUBLE_PAUSE_MS } from '../../core/limits.ts'
import { type Offset, toOffset } from '../../core/numbers.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import { laneOf } from '../../core/trigger/lane.ts'
import type { Trigger } from '../../core/trigger/trigger.ts'
import type { Ports } from '../../ports/index.ts'
import type { Lanes } from './lanes.ts'
import type { ReportNews } from './trigger-news.ts'

/** What all partitions of a trigger share. */
export interface LoopParts {
  readonly ports: Ports
  readonly directory: TopicDirectory
  readonly broker: Pick<Broker, 'fetch' | 'offsetFor'>
  readonly delivery: Pick<Delivery, 'deliver'>
  readonly trigger: Trigger
  readonly lanes: Lanes
  readonly report: ReportNews
}

/**
 * Delivers one partition for as long as it may, and waits for news by a long poll in between: what a queue's wake-ups
 * are where functions deliver.
 */
export class PartitionLoop {
  readonly #parts: LoopParts
  readonly #partition: PartitionId
  readonly #stopped: AbortSignal
  #waking = new AbortController()

  /** @param stopped begins no further call */
  constructor(parts: LoopParts, partition: PartitionId, stopped: AbortSignal) {
    this.#parts = parts
    this.#partition = partition
    this.#stopped = stopped
  }

  /** Ends whatever pause there is, and looks again at what is committed. */
  wake(): void {
    this.#waking.abort()
  }

  /** Resolves once it is stopped and the call under way is dealt with. */
  async run(): Promise<void> {
    const lane = laneOf(this.#parts.trigger.settings, this.#partition.partition)
    while (!this.#stopped.aborted) {
      // Before the work: what comes while it goes on is not missed.
      this.#waking = new AbortController()
      try {
        const { outcome } = await this.#parts.lanes.run(lane, () => this.#deliver())
        if (outcome === 'caught-up') await this.#news()
        else if (outcome === 'dropped') await this.#pause(LOCAL_TROUBLE_PAUSE_MS)
      } catch (error) {
        // Of a store's trouble a delivery tells by its outcome; the rest must not end deliveries for good either.
        const { groupId, topic } = this.#parts.trigger
        this.#parts.report({ kind: 'trouble', groupId, topic, error })
        await this.#pause(LOCAL_TROUBLE_PAUSE_MS)
      }
    }
  }

  /** Goes on until there is nothing left, or somebody else of the lane may have a turn. */
  async #deliver(): Promise<Pick<Delivered, 'outcome'>> {
    const { ports, delivery, trigger, report } = this.#parts
    const { triggerId, groupId, topic, settings } = trigger
    const { partition } = this.#partition
    const wakeUp = { triggerId, groupId, topic, partition: this.#partition }
    const beganMs = ports.clock.monotonicMs()
    while (!this.#stopped.aborted) {
      const deadlineMs = ports.clock.monotonicMs() + settings.callTimeoutMs + LOCAL_DELIVERY_MS
      // By the time of now: the wall clock may have been set since.
      const sentMs = ports.clock.nowMs() - (ports.clock.monotonicMs() - beganMs)
      const options = { deadlineMs, sentMs, signal: this.#stopped }
      const delivered = await delivery.deliver(wakeUp, options)
      const { outcome, afterMs, reason, givenUp } = delivered
      if (givenUp > 0 && settings.onFailure === null) {
        report({ kind: 'given-up', groupId, topic, partition, records: givenUp, destination: null })
      }
      if (outcome !== 'again' || afterMs === 0) return delivered
      report({ kind: 'waits', groupId, topic, partition, afterMs, reason })
      await this.#pause(afterMs)
      this.#waking = new AbortController()
    }
    return { outcome: 'again' }
  }

  /** Resolves when there is something behind what is committed. */
  async #news(): Promise<void> {
    const { ports, directory, broker, trigger } = this.#parts
    const { groupId, topic } = trigger
    const { partition } = this.#partition
    const call = new GroupCall(ports, directory, groupId)
    const claim = await call.read(() => ports.groups.readClaim(groupId, this.#partition))
    const signal = AbortSignal.any([this.#stopped, this.#waking.signal])
    const wait = async (offset: Offset) => {
      while (!signal.aborted) {
        // What is there is not wanted here, only that it is there.
        const { chunks } = await broker.fetch({
          topic,
          partition,
          offset,
          maxBytes: 1,
          maxWaitMs: FETCH_WAIT_MS_MAX,
          signal,
        })
        if (chunks.length > 0) return
      }
    }
    try {
      await wait(claim?.committed?.offset ?? toOffset(0))
    } catch (error) {
      if (!(error instanceof TidemarkError && error.kafkaName === 'OFFSET_OUT_OF_RANGE')) throw error
      // Records that were never delivered are deleted, and there are none behind them.
      const { offset } = await broker.offsetFor({ topic, partition, at: 'earliest' })
      await wait(offset!)
    }
  }

  async #pause(durationMs: number): Promise<void> {
    await this.#parts.ports.clock.sleep(durationMs, AbortSignal.any([this.#stopped, this.#waking.signal]))
  }
}
