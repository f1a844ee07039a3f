import type { SettlingSettings } from '../../src/broker/settling/settling-settings.ts'
import { lookForUpkeep, type UpkeepDue } from '../../src/broker/settling/upkeep-due.ts'
import { TopicDirectory } from '../../src/broker/topics/topic-directory.ts'
import {
  FUNCTION_TOPIC_CACHE_MS,
  MAINTENANCE_WAKE_MS,
  ROLL_AGED_MS,
  SEGMENT_DEFAULT_BYTES,
} from '../../src/core/limits.ts'
import type { Head } from '../../src/core/log/head.ts'
import { settlingDue } from '../../src/core/log/settled/plan-roll.ts'
import { maintenanceCalls } from '../../src/core/maintenance-call.ts'
import { type PartitionId, partitionKey } from '../../src/core/topic/partition-id.ts'
import type { Ports } from '../../src/ports/index.ts'
import type { MaintenanceWakes } from '../../src/ports/maintenance-wakes.ts'

/**
 * Which of the heads that somebody has before him have something to settle. Whoever maintains the store is told at most once a
 * minute; what an environment forgets that ends before, the next look through all heads finds.
 */
export class SettlingLook {
  readonly #ports: Ports
  readonly #settings: SettlingSettings
  readonly #wakes: MaintenanceWakes
  readonly #directory: TopicDirectory
  readonly #due = new Map<string, PartitionId>()
  /** By topics' ids. */
  #segmentBytes: ReadonlyMap<string, number> = new Map()
  #listedMs = Number.NEGATIVE_INFINITY
  #wokenMs = Number.NEGATIVE_INFINITY
  #hasRecords = false

  constructor(ports: Ports, settings: SettlingSettings, wakes: MaintenanceWakes) {
    this.#ports = ports
    this.#settings = settings
    this.#wakes = wakes
    this.#directory = new TopicDirectory(ports.topics, ports.clock)
  }

  /** A head as it was just read. @throws NotApplied, StoreFailed where topics cannot be listed */
  async note(partition: PartitionId, head: Head): Promise<void> {
    const { settled, startOffset, tailOffset, nextOffset } = head
    this.#hasRecords ||= nextOffset > 0
    // Most have nothing at all, whatever their topic's settings are.
    if (settled.settledOffset === tailOffset && startOffset <= settled.settledOffset) return
    const segmentBytes = await this.#segmentBytesOf(partition.topicId)
    const nowMs = this.#ports.clock.nowMs()
    const due = settlingDue(head, { segmentBytes, nowMs, epochsBelow: 0, limits: this.#settings })
    if (due) this.#due.set(partitionKey(partition), partition)
  }

  /** Tells of what is due, unless it has just told. Gives how many partitions it were. @throws NotApplied, OutcomeUnknown, StoreFailed */
  async wakeForDue(): Promise<number> {
    const nowMs = this.#ports.clock.monotonicMs()
    if (this.#due.size === 0 || nowMs - this.#wokenMs < MAINTENANCE_WAKE_MS) return 0
    const due = [...this.#due.values()]
    await this.#wakes.wake(maintenanceCalls(due))
    this.#wokenMs = nowMs
    this.#due.clear()
    return due.length
  }

  /**
   * After a look through all heads: tells of epochs and garbage to look after, and once a day of everything. Gives what it told
   * of, and whether nobody does it, although it was told before. @throws as wakeForDue
   */
  async wakeForUpkeep(): Promise<UpkeepDue> {
    const due = await lookForUpkeep(this.#ports, this.#settings, this.#hasRecords)
    if (due.work) await this.#wakes.wake(maintenanceCalls(due.work))
    return due
  }

  async #segmentBytesOf(topicId: string): Promise<number> {
    const nowMs = this.#ports.clock.monotonicMs()
    // Listed again for one that is new, and now and then for what may have been altered.
    const knownMs = this.#segmentBytes.has(topicId) ? ROLL_AGED_MS : FUNCTION_TOPIC_CACHE_MS
    if (nowMs - this.#listedMs >= knownMs) {
      const found = new Map<string, number>()
      for await (const topic of this.#directory.list()) found.set(topic.topicId, topic.settings.segmentBytes)
      this.#segmentBytes = found
      this.#listedMs = nowMs
    }
    return this.#segmentBytes.get(topicId) ?? SEGMENT_DEFAULT_BYTES
  }
}
