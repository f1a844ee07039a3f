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
  /** A deleted topic's item stays until its logs are gone, so that a crash in between can be made up for. */
  readonly state: 'live' | 'deleting'
  /** Unique to this write, so that a write of unknown outcome can be recognized. */
  readonly version: string
}
