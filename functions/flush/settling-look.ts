import { TopicDirectory } from '../../src/broker/topics/topic-directory.ts'
import { FUNCTION_TOPIC_CACHE_MS, MAINTENANCE_WAKE_MS, SEGMENT_DEFAULT_BYTES } from '../../src/core/limits.ts'
import type { Head } from '../../src/core/log/head.ts'
import { settlingDue } from '../../src/core/log/settled/plan-roll.ts'
import { maintenanceCalls } from '../../src/core/maintenance-call.ts'
import { type PartitionId, partitionKey } from '../../src/core/topic/partition-id.ts'
import type { TopicSettings } from '../../src/core/topic/topic-config.ts'
import type { MaintenanceWakes } from '../../src/ports/maintenance-wakes.ts'
import type { Service } from '../runtime/service.ts'

/**
 * Which of the heads that somebody has before him have something to settle. Whoever maintains the store is told at most once a
 * minute; what an environment forgets that ends before, the next look through all heads finds.
 */
export class SettlingLook {
  readonly #service: Service
  readonly #wakes: MaintenanceWakes
  readonly #directory: TopicDirectory
  readonly #due = new Map<string, PartitionId>()
  #settings: ReadonlyMap<string, TopicSettings> = new Map()
  #listedMs = Number.NEGATIVE_INFINITY
  #wokenMs = Number.NEGATIVE_INFINITY

  constructor(service: Service, wakes: MaintenanceWakes) {
    this.#service = service
    this.#wakes = wakes
    this.#directory = new TopicDirectory(service.ports.topics, service.ports.clock)
  }

  /** A head as it was just read. @throws NotApplied, StoreFailed where topics cannot be listed */
  async note(partition: PartitionId, head: Head): Promise<void> {
    const { settled, tailOffset, startOffset } = head
    // Most have nothing at all, whatever their topic's settings are.
    if (settled.settledOffset === tailOffset && startOffset <= settled.settledOffset) return
    const settings = await this.#settingsOf(partition.topicId)
    const { clock } = this.#service.ports
    const segmentBytes = settings?.segmentBytes ?? SEGMENT_DEFAULT_BYTES
    const rules = { segmentBytes, nowMs: clock.nowMs(), epochsBelow: 0, ...this.#service.rollLimits }
    if (settlingDue(head, rules) !== undefined) this.#due.set(partitionKey(partition), partition)
  }

  /** Tells of what is due, unless it has just told. Gives how many partitions it were. @throws NotApplied, OutcomeUnknown, StoreFailed */
  async send(): Promise<number> {
    const nowMs = this.#service.ports.clock.monotonicMs()
    if (this.#due.size === 0 || nowMs - this.#wokenMs < MAINTENANCE_WAKE_MS) return 0
    const due = [...this.#due.values()]
    await this.#wakes.wake(maintenanceCalls(due))
    this.#wokenMs = nowMs
    this.#due.clear()
    return due.length
  }

  /** Topics are listed again for one that is new, and for what may have been altered meanwhile, and not with each batch. */
  async #settingsOf(topicId: string): Promise<TopicSettings | undefined> {
    const nowMs = this.#service.ports.clock.monotonicMs()
    if (nowMs - this.#listedMs >= FUNCTION_TOPIC_CACHE_MS) {
      const settings = new Map<string, TopicSettings>()
      for await (const topic of this.#directory.list()) settings.set(topic.topicId, topic.settings)
      this.#settings = settings
      this.#listedMs = nowMs
    }
    return this.#settings.get(topicId)
  }
}
