import type { Head } from '../../../src/core/log/head.ts'
import { type PartitionId, partitionKey } from '../../../src/core/topic/partition-id.ts'
import type { TopicSettings } from '../../../src/core/topic/topic-config.ts'
import type { Clock } from '../../../src/ports/clock.ts'
import type { AppendedRecords } from '../appended-records.ts'

/** The settings that a topic has, or had a moment ago. */
type RulesOf = (topicId: string) => readonly TopicSettings[]

/**
 * What compaction promises: a record is missing only from a log that is compacted, and only where a later one of its key came
 * before what is clean, or where it deletes its key and its time is over.
 */
export class CompactionPromises {
  readonly #clock: Clock
  readonly #appended: AppendedRecords
  readonly #skewMs: number
  readonly #rulesOf: RulesOf
  readonly #gone = new Set<string>()

  constructor(options: {
    readonly clock: Clock
    readonly appended: AppendedRecords
    readonly skewMs: number
    readonly rulesOf: RulesOf
  }) {
    this.#clock = options.clock
    this.#appended = options.appended
    this.#skewMs = options.skewMs
    this.#rulesOf = options.rulesOf
  }

  /** What has gone stays away, whatever the rules are by then. */
  readonly mayLack = (partition: PartitionId, offset: number, head: Head): boolean => {
    const place = `${partitionKey(partition)}/${offset}`
    if (this.#gone.has(place)) return true
    const mayLack = this.#mayGo(partition, offset, head)
    if (mayLack) this.#gone.add(place)
    return mayLack
  }

  /** Whether a record was missing before. */
  readonly hasGone = (partition: PartitionId, offset: number): boolean =>
    this.#gone.has(`${partitionKey(partition)}/${offset}`)

  #mayGo(partition: PartitionId, offset: number, { settled, nextOffset }: Head): boolean {
    const log = partitionKey(partition)
    const record = this.#appended.recordAt(log, offset)
    const rules = this.#rulesOf(partition.topicId).filter(({ isCompacted }) => isCompacted)
    if (!record?.key || rules.length === 0 || offset === nextOffset - 1) return false
    // What is being cleaned counts only once it is.
    const later = this.#appended.laterOf(log, offset)
    if (later !== undefined && later < settled.cleanOffset) return true
    if (record.value !== null || offset >= settled.cleanOffset) return false
    // It was clean at the earliest when it was appended.
    const sinceMs = this.#clock.nowMs() + this.#skewMs - this.#appended.appendedMs(log, offset)!
    return rules.some(({ cleaning }) => sinceMs >= cleaning.deleteRetentionMs)
  }
}
