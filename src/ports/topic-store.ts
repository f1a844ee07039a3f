import type { TopicAge } from '../core/topic/partition-age.ts'

/** Topics by name. Writes are atomic, durable and conditional; reads see all writes that resolved before. */
export interface TopicStore {
  /** @throws NotApplied, StoreFailed */
  get(name: string): Promise<TopicItem | undefined>

  /** All topics in the order of their names, those being deleted too. @throws NotApplied, StoreFailed */
  list(): AsyncIterable<TopicItem>

  /**
   * Writes an item on the condition that the one in place has the version `expected`; undefined: that there is
   * none. Tells whether the condition held. @throws NotApplied, OutcomeUnknown, StoreFailed
   */
  put(item: TopicItem, expected: string | undefined): Promise<boolean>

  /** Removes an item on the condition that it has this version. @throws NotApplied, OutcomeUnknown, StoreFailed */
  remove(name: string, expected: string): Promise<boolean>
}

export interface TopicItem extends TopicAge {
  readonly name: string
  /** A UUID. */
  readonly topicId: string
  readonly partitions: number
  /** Only what was set; the rest is at its default. */
  readonly configs: Readonly<Record<string, string>>
  readonly createdMs: number
  /**
   * Whether its retention and its compaction hold. Absent in topics that are older than both, until somebody sets them: what
   * had no effect when they were made must not delete what they hold.
   */
  readonly expires?: boolean | undefined
  /**
   * Heads up to here may have been made, and more than `partitions`, while it grows. Noted down before the first of them
   * is made: so a deletion knows of all.
   */
  readonly growingTo?: number | undefined
  /**
   * `making`: its name is taken and its heads are being made; to everybody else there is no such topic. `deleting`: stays
   * until its logs are gone, so that a crash in between can be made up for. A topic id goes through these states once, in
   * this order.
   */
  readonly state: 'making' | 'live' | 'deleting'
  /** Unique to this write, so that a write of unknown outcome can be recognized. */
  readonly version: string
}
