import { splitKey } from '../../../src/adapters/items/items.ts'
import { isClosedHead } from '../../../src/core/log/head.ts'
import { HEAD_KEY, LOG_PREFIX, parseLogKey, TOPICS_KEY } from '../../../src/core/storage-layout.ts'
import { headsMade } from '../../../src/core/topic/creation.ts'
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
  state: 'unborn' | 'making' | 'live' | 'deleting' | 'gone'
}

/** Until when a partition had a head; for ever, where it still has one. */
type HeadLife = number

/**
 * What a topic's life promises: an id is made once, and so is each of its heads; as long as its topic is there, each of its
 * partitions has a head; partitions never become fewer; who was told that a topic is made or deleted was told the truth.
 * What comes late of a topic that is gone can bring its item back, with nothing that anybody could use, and so can who makes a
 * topic that others have given up: a ghost. Nobody is told that it is made, none is left at rest, and no head without a topic.
 */
export class TopicPromises {
  readonly #violated: (problem: string) => void
  readonly #lives = new Map<string, Life>()
  readonly #idsOf = new Map<string, string[]>()
  readonly #heads = new Map<string, HeadLife>()
  /** Of topics that were given up before they were ever live: their heads are closed before their item goes. */
  readonly #givenUp = new Set<string>()
  #moment = 0
  made = 0
  deleted = 0
  ghosts = 0

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
      const [wasThere, isThere] = [isOpen(before), isOpen(after)]
      if (wasThere !== isThere) this.#headChanged(parseLogKey(splitKey(key).partitionKey), isThere)
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
  logsSince(moment: number, name: string, partition: number): PartitionId[] {
    const ids = (this.#idsOf.get(name) ?? []).map(topicId => ({ topicId, partition }))
    return ids.filter(id => (this.#heads.get(partitionKey(id)) ?? 0) > moment)
  }

  /**
   * At rest: no deletion is half done, every topic that is listed can be described and no other one; of what is in the
   * making still, the name can be had. No log is there without a topic.
   */
  async check(world: World): Promise<void> {
    const broker = world.openPlainBroker()
    const known = new Map<string, number>()
    for await (const item of world.store.topics.list()) {
      const { name, state } = item
      if (state === 'deleting') throw new Error(`unfinished: topic "${name}" is still being deleted`)
      if (state === 'making') await broker.createTopic({ topic: name })
      const { topicId } = await broker.describeTopic(name)
      known.set(topicId, state === 'making' ? 1 : headsMade(item))
    }
    for (const [key, until] of this.#heads) {
      const { topicId, partition } = parseLogKey(`${LOG_PREFIX}${key}`)
      const isLeft = until === Number.POSITIVE_INFINITY && partition >= (known.get(topicId) ?? 0)
      if (isLeft) throw new Error(`left: ${key} has a head, and no topic`)
    }
  }

  #topicChanged(before: TopicItem | undefined, after: TopicItem | undefined): void {
    if (!after) {
      const life = this.#lives.get(before!.topicId)
      if (!life) return
      if (life.state === 'live') this.#violated(`gone: topic "${life.name}" was removed while it was live`)
      if (life.state !== 'gone') this.deleted += 1
      life.state = 'gone'
      return
    }
    const { name, topicId, partitions, state } = after
    // What was in the making and never live was not made; that it has a life of heads only is nobody's business.
    if (state === 'deleting' && !this.#lives.has(topicId)) this.#givenUp.add(topicId)
    if (state === 'making' || !(this.#lives.has(topicId) || state === 'live')) return
    if (this.#givenUp.has(topicId) && before?.topicId === topicId) {
      this.#ghostCame(after)
      return
    }
    const life = this.#lives.get(topicId) ?? { name, partitions, state: 'unborn' }
    if (life.state === 'unborn') {
      this.#lives.set(topicId, life)
      this.#idsOf.set(name, [...(this.#idsOf.get(name) ?? []), topicId])
      this.made += 1
    }
    if (life.state === 'gone' || life.state === 'deleting') {
      if (state === 'live') this.#ghostCame(after)
      else if (life.state === 'deleting') life.state = state
      return
    }
    if (before && before.topicId !== topicId) this.#violated(`gone: another topic was put over "${name}"`)
    if (partitions < life.partitions) this.#violated(`fewer: "${name}" has ${partitions} partitions now`)
    life.partitions = partitions
    life.state = state
    for (let partition = 0; state === 'live' && partition < partitions; partition += 1) {
      if (!this.#hasHead({ topicId, partition })) this.#violated(`headless: ${name}/${partition} has none`)
    }
  }

  #ghostCame(item: TopicItem): void {
    const { name, topicId } = item
    this.ghosts += 1
    for (let partition = 0; partition < headsMade(item); partition += 1) {
      if (!this.#hasHead({ topicId, partition })) continue
      this.#violated(`twice: topic "${name}" was made again under the id ${topicId}`)
    }
  }

  #headChanged(partition: PartitionId, isMade: boolean): void {
    this.#moment += 1
    const key = partitionKey(partition)
    if (isMade) {
      if (this.#heads.has(key)) this.#violated(`twice: the head of ${key} was made again`)
      this.#heads.set(key, Number.POSITIVE_INFINITY)
      return
    }
    this.#heads.set(key, this.#moment)
    const life = this.#lives.get(partition.topicId)
    if (life?.state === 'live' && partition.partition < life.partitions) {
      this.#violated(`headless: that of ${life.name}/${partition.partition} was removed`)
    }
  }

  #hasHead(partition: PartitionId): boolean {
    return this.#heads.get(partitionKey(partition)) === Number.POSITIVE_INFINITY
  }
}

function isOpen(head: Uint8Array | undefined): boolean {
  return head !== undefined && !isClosedHead(head)
}
