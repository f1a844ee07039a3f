import { TidemarkError, type Written } from '../../core/errors.ts'
import type { GroupTopic } from '../../core/group/group.ts'
import { PARTITIONS_REMEMBERED_MAX, TOPIC_CACHE_MS } from '../../core/limits.ts'
import type { TopicAge } from '../../core/topic/partition-age.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import { readSettings, type TopicSettings } from '../../core/topic/topic-config.ts'
import type { Clock } from '../../ports/clock.ts'
import type { TopicItem, TopicStore } from '../../ports/topic-store.ts'

/** A topic as the broker uses it. */
export interface Topic extends GroupTopic, TopicAge {
  readonly settings: TopicSettings
}

/**
 * What this process knows of topics. Trusted for a short while only; a topic that was deleted and created again
 * meanwhile is noticed all the same, since its old logs take no appends.
 */
export class TopicDirectory {
  readonly #topics: TopicStore
  readonly #clock: Clock
  readonly #cacheMs: number
  readonly #known = new Map<string, { topic: Topic; untilMs: number }>()

  constructor(topics: TopicStore, clock: Clock, cacheMs = TOPIC_CACHE_MS) {
    this.#topics = topics
    this.#clock = clock
    this.#cacheMs = cacheMs
  }

  /** What is known without asking; undefined where nothing is, or it is too old. */
  peek(name: string): Topic | undefined {
    const known = this.#known.get(name)
    return known && known.untilMs > this.#clock.monotonicMs() ? known.topic : undefined
  }

  /** @throws TidemarkError UNKNOWN_TOPIC_OR_PARTITION */
  async resolve(name: string): Promise<Topic> {
    return this.peek(name) ?? (await this.refresh(name))
  }

  /** As resolve, but asks the store. */
  async refresh(name: string): Promise<Topic> {
    const topic = await this.find(name)
    if (!topic) throw unknownTopic(name)
    return topic
  }

  /** As refresh; undefined where there is no such topic. */
  async find(name: string): Promise<Topic | undefined> {
    const item = await this.#topics.get(name)
    if (item?.state !== 'live') {
      this.#known.delete(name)
      return undefined
    }
    const topic = toTopic(item)
    this.#forgetExpired()
    this.#known.set(name, { topic, untilMs: this.#clock.monotonicMs() + this.#cacheMs })
    return topic
  }

  /**
   * @param topicId of the topic that is meant; undefined: whichever has the name
   * @throws TidemarkError UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID
   */
  async resolvePartition(name: string, partition: number, topicId?: string): Promise<PartitionId> {
    const isMeant = (topic: Topic) => topicId === undefined || topic.topicId === topicId
    let topic = await this.resolve(name)
    // The topic may have grown since, or been made anew.
    if (!isMeant(topic) || !hasPartition(topic, partition)) topic = await this.refresh(name)
    if (!isMeant(topic)) throw unknownTopicId(name)
    checkPartition(topic, partition)
    return { topicId: topic.topicId, partition }
  }

  /** Keeps what is remembered within bounds. */
  #forgetExpired(): void {
    if (this.#known.size < PARTITIONS_REMEMBERED_MAX) return
    for (const [name, { untilMs }] of this.#known) {
      if (untilMs <= this.#clock.monotonicMs()) this.#known.delete(name)
    }
  }

  forget(name: string): void {
    this.#known.delete(name)
  }

  /** All live topics, from the store. */
  async *list(): AsyncGenerator<Topic> {
    for await (const item of this.#topics.list()) if (item.state === 'live') yield toTopic(item)
  }
}

function toTopic({
  name,
  topicId,
  partitions,
  configs,
  createdMs,
  grownMs,
  expires = false,
}: TopicItem): Topic {
  const age = { createdMs, ...(grownMs && { grownMs }) }
  return { name, topicId, partitions, ...age, settings: readSettings(configs, expires) }
}

export function unknownTopic(name: string, written: Written = 'no'): TidemarkError {
  return new TidemarkError(
    'UNKNOWN_TOPIC_OR_PARTITION',
    `There is no topic "${name}". Create it first.`,
    written,
  )
}

export function unknownTopicId(name: string): TidemarkError {
  return new TidemarkError(
    'UNKNOWN_TOPIC_ID',
    `The topic "${name}" of that id was deleted, and another was made under its name. Begin anew with that one.`,
  )
}

/** What is said where there is no head. */
export function partitionGone(written: Written): TidemarkError {
  return new TidemarkError(
    'UNKNOWN_TOPIC_OR_PARTITION',
    'The partition does not exist, or its topic was deleted meanwhile. Create the topic, then try again.',
    written,
  )
}

export function hasPartition(topic: Topic, partition: number): boolean {
  return Number.isInteger(partition) && partition >= 0 && partition < topic.partitions
}

/** @throws TidemarkError UNKNOWN_TOPIC_OR_PARTITION */
export function checkPartition(topic: Topic, partition: number): void {
  if (hasPartition(topic, partition)) return
  throw new TidemarkError(
    'UNKNOWN_TOPIC_OR_PARTITION',
    `Topic "${topic.name}" has no partition ${partition}: its partitions are 0 to ${topic.partitions - 1}.`,
  )
}
