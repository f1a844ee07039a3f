import { splitKey } from '../../../src/adapters/items/items.ts'
import { HEAD_KEY, LOG_PREFIX, parseLogKey, TOPICS_KEY } from '../../../src/core/storage-layout.ts'
import { type PartitionId, partitionKey } from '../../../src/core/topic/partition-id.ts'
import type { TopicItem } from '../../../src/ports/topic-store.ts'
import type { World } from '../world.ts'

const TOPICS = { decode: (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString()) as TopicItem }
const HEAD_END = `/${HEAD_KEY}`
const TOPIC_BEGIN = `${TOPICS_KEY}/`

/** What has become of one topic id. */
interface Life {
  name: string
  partitions: number
  state: 'unborn' | 'live' | 'deleting' | 'gone'
}

/** Until when a partition had a head; for ever, where it still has one. */
interface HeadLife {
  until: number
}

/** A partition's log that took part in a call, maybe. */
export interface PossibleLog {
  readonly partition: PartitionId
  /** Its head was made again after the topic's deletion, by a growth or a creation that had slept. */
  readonly isRevenant: boolean
}

/**
 * What a topic's life promises: an id is made once; as long as its topic is there, each of its partitions has a head;
 * partitions never become fewer; who was told that a topic is made or deleted was told the truth.
 */
export class TopicPromises {
  readonly #violated: (problem: string) => void
  readonly #lives = new Map<string, Life>()
  readonly #idsOf = new Map<string, string[]>()
  readonly #heads = new Map<string, HeadLife[]>()
  #moment = 0
  made = 0
  deleted = 0
  revenants = 0

  constructor(violated: (problem: string) => void) {
    this.#violated = violated
  }

  /** A moment, to ask later what was there since. */
  get moment(): number {
    return this.#moment
  }

  /** Hears of every change of an item. */
  readonly changed = (key: string, before: Uint8Array | undefined, after: Uint8Array | undefined): void => {
    if (key.endsWith(HEAD_END) && key.startsWith(LOG_PREFIX)) {
      if (before && after) return
      this.#headChanged(parseLogKey(splitKey(key).partitionKey), after !== undefined)
    } else if (key.startsWith(TOPIC_BEGIN)) {
      this.#topicChanged(before && TOPICS.decode(before), after && TOPICS.decode(after))
    }
  }

  /** The id of the topic that has this name now. */
  liveId(name: string): string | undefined {
    return this.#idsOf.get(name)?.find(topicId => this.#lives.get(topicId)!.state === 'live')
  }

  isLive(topicId: string): boolean {
    return this.#lives.get(topicId)?.state === 'live'
  }

  toldMade(name: string, topicId: string): void {
    if (!this.#idsOf.get(name)?.includes(topicId)) {
      this.#violated(`untrue: topic "${name}" was told to be made as ${topicId}, and never was`)
    }
  }

  /** Somebody who has begun to delete the topic with this id was told that it is gone. */
  toldDeleted(topicId: string): void {
    if (this.isLive(topicId)) this.#violated(`untrue: topic ${topicId} was told to be deleted, and is there`)
  }

  /** The logs that a call on this partition may have met: those that had a head since that moment. */
  logsSince(moment: number, name: string, partition: number): PossibleLog[] {
    const ids = (this.#idsOf.get(name) ?? []).map(topicId => ({ topicId, partition }))
    return ids.flatMap(id => {
      const heads = this.#heads.get(partitionKey(id)) ?? []
      const isThere = heads.some(({ until }) => until > moment)
      return isThere ? [{ partition: id, isRevenant: heads.length > 1 }] : []
    })
  }

  /** At rest: no deletion is half done, and every topic that is listed can be described. */
  async check(world: World): Promise<void> {
    const broker = world.openPlainBroker()
    for await (const { name, state } of world.store.topics.list()) {
      if (state === 'deleting') throw new Error(`unfinished: topic "${name}" is still being deleted`)
      await broker.describeTopic(name)
    }
  }

  #topicChanged(before: TopicItem | undefined, after: TopicItem | undefined): void {
    if (!after) {
      const life = this.#lives.get(before!.topicId)!
      if (life.state === 'live') this.#violated(`gone: topic "${life.name}" was removed while it was live`)
      life.state = 'gone'
      this.deleted += 1
      return
    }
    const { name, topicId, partitions, state } = after
    const life = this.#lives.get(topicId) ?? { name, partitions, state: 'unborn' }
    if (life.state === 'unborn') {
      this.#lives.set(topicId, life)
      this.#idsOf.set(name, [...(this.#idsOf.get(name) ?? []), topicId])
      this.made += 1
    }
    if (state === 'live' && (life.state === 'gone' || life.state === 'deleting')) {
      this.#violated(`twice: topic "${name}" was made again under the id ${topicId}`)
    }
    if (before && before.topicId !== topicId) this.#violated(`gone: another topic was put over "${name}"`)
    if (partitions < life.partitions) this.#violated(`fewer: "${name}" has ${partitions} partitions now`)
    life.partitions = partitions
    life.state = state
    for (let partition = 0; state === 'live' && partition < partitions; partition += 1) {
      if (!this.#hasHead({ topicId, partition })) this.#violated(`headless: ${name}/${partition} has none`)
    }
  }

  #headChanged(partition: PartitionId, isMade: boolean): void {
    this.#moment += 1
    const key = partitionKey(partition)
    const heads = this.#heads.get(key) ?? []
    this.#heads.set(key, heads)
    if (isMade) {
      if (heads.length > 0) this.revenants += 1
      heads.push({ until: Number.POSITIVE_INFINITY })
      return
    }
    heads.at(-1)!.until = this.#moment
    const life = this.#lives.get(partition.topicId)
    if (life?.state === 'live' && partition.partition < life.partitions) {
      this.#violated(`headless: that of ${life.name}/${partition.partition} was removed`)
    }
  }

  #hasHead(partition: PartitionId): boolean {
    return this.#heads.get(partitionKey(partition))?.at(-1)?.until === Number.POSITIVE_INFINITY
  }
}
