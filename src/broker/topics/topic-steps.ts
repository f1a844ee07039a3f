import type { PartitionOffsets } from '../../contract/broker.ts'
import { TidemarkError, type Written } from '../../core/errors.ts'
import { PRODUCE_DEADLINE_MS } from '../../core/limits.ts'
import { bytesOf, EMPTY_HEAD } from '../../core/log/head.ts'
import { deletedTopicKey } from '../../core/storage-layout.ts'
import { headsMade } from '../../core/topic/creation.ts'
import { partitionsOf } from '../../core/topic/partition-id.ts'
import type { Ports } from '../../ports/index.ts'
import { OutcomeUnknown } from '../../ports/outcome.ts'
import type { TopicItem } from '../../ports/topic-store.ts'
import { fewAtATime } from '../store-calls/few-at-a-time.ts'
import { retryUntil, WrittenByCall, type WrittenSoFar } from '../store-calls/retry.ts'

/** Heads that are made, read or removed at the same time. */
const HEADS_PARALLEL = 32

/** The steps of a topic's life. Each is conditional on what was read, and can be repeated, by anybody, however late. */
export class TopicSteps {
  readonly #ports: Ports

  constructor(ports: Ports) {
    this.#ports = ports
  }

  get(name: string, written: Written): Promise<TopicItem | undefined> {
    return this.read(() => this.#ports.topics.get(name), written)
  }

  /**
   * Makes heads; those that are there stay. False: the topic was deleted, and has none any more. A round that drains what
   * is old raises the floor in the store before it lists anything: so it has either found what these heads are of, or the
   * floor is read here once they stand, and raised in each of them before anything can be appended.
   */
  async createHeads(topicId: string, from: number, to: number, written: Written): Promise<boolean> {
    const ids = partitionsOf({ topicId, partitions: to }).slice(from)
    if (ids.length === 0) return true
    const floor = await this.#floor(written)
    const made = await fewAtATime(ids, HEADS_PARALLEL, id =>
      this.read(() => this.#ports.index.createHead(id, floor), written),
    )
    const standing = made.filter(each => each !== undefined)
    if (standing.length < made.length) return false
    const after = await this.#floor(written)
    const raised = await fewAtATime(
      ids.filter((_, index) => standing[index]! < after),
      HEADS_PARALLEL,
      id => this.read(() => this.#ports.index.raiseFloor(id, after, EMPTY_HEAD), written),
    )
    return raised.every(head => head !== undefined)
  }

  /** As the store has it now. */
  async #floor(written: Written): Promise<number> {
    return (await this.read(() => this.#ports.upkeep.readIngest(), written))?.floor ?? 0
  }

  /** Puts an item under a name that is free. Not repeated where there was no answer, which is told as it is. */
  putNew(item: TopicItem, written: Written): Promise<'done' | 'refused' | OutcomeUnknown> {
    return this.read(async () => {
      try {
        return (await this.#ports.topics.put(item, undefined)) ? 'done' : 'refused'
      } catch (error) {
        if (error instanceof OutcomeUnknown) return error
        throw error
      }
    }, written)
  }

  /**
   * A put over another version, which no other write ever has: repeated, it knows its own earlier try again.
   * `isUnsure`: a try had an unknown outcome, so the item may have been put, and been written over or deleted since.
   */
  async put(item: TopicItem, expected: string): Promise<{ isDone: boolean; isUnsure: boolean }> {
    let isUnsure = false
    const written = new WrittenByCall()
    const step = async () => {
      try {
        if (await this.#ports.topics.put(item, expected)) return { isDone: true, isUnsure }
      } catch (error) {
        if (error instanceof OutcomeUnknown) isUnsure = true
        throw error
      }
      const isDone = isUnsure && (await this.#ports.topics.get(item.name))?.version === item.version
      return { isDone, isUnsure }
    }
    return await this.read(step, written)
  }

  /** Deletes the topic as it was read, where it still stands so. Tells whether it did. */
  async retire(item: TopicItem): Promise<boolean> {
    const deleting: TopicItem = { ...item, state: 'deleting', version: this.#ports.entropy.id() }
    if (!(await this.put(deleting, item.version)).isDone) return false
    await this.finishDeletion(deleting)
    return true
  }

  /**
   * Closes the logs, so that nobody can write any more, and leaves word of what they leave behind before the topic's item
   * goes: of the objects, for whoever collects them, and for whoever makes a lost index anew from what is in them.
   * @param item a topic that is being deleted: its id never lives again
   */
  async finishDeletion(item: TopicItem): Promise<void> {
    const { name, topicId, version } = item
    const { clock, index, objects, topics, upkeep } = this.#ports
    const partitions = headsMade(item)
    const ids = partitionsOf({ topicId, partitions })
    await fewAtATime(ids, HEADS_PARALLEL, id => this.#write(() => index.removePartition(id)))
    const notedMs = clock.nowMs()
    const tombstone = Buffer.from(JSON.stringify({ name, deletedMs: notedMs }))
    await this.#write(() => objects.put(deletedTopicKey(topicId), [tombstone]))
    await this.#write(() => upkeep.putNote({ kind: 'topic', topicId, name, partitions, notedMs, sweeps: 0 }))
    await this.#write(() => topics.remove(name, version))
  }

  /** Refuses in each partition whatever was decided by the rules of before. */
  async alterRules(item: TopicItem): Promise<void> {
    await fewAtATime(partitionsOf(item), HEADS_PARALLEL, id =>
      this.read(() => this.#ports.index.rearrange(id, { kind: 'alter' }), 'yes'),
    )
  }

  /** Start, end and size of each partition's log; undefined where one has no head. */
  async offsets(item: TopicItem, written: Written): Promise<PartitionOffsets[] | undefined> {
    const offsets = await fewAtATime(
      partitionsOf(item),
      HEADS_PARALLEL,
      async (id): Promise<PartitionOffsets | undefined> => {
        const head = await this.read(() => this.#ports.index.readHead(id), written)
        if (!head) return undefined
        const { startOffset, nextOffset: endOffset } = head
        return { partition: id.partition, startOffset, endOffset, bytes: bytesOf(head) }
      },
    )
    return offsets.every(each => each !== undefined) ? offsets : undefined
  }

  /**
   * Whether the topic that is there was deleted before, and is there again because what made it was repeated on its way, or
   * came late. A partition is removed only once its topic is being deleted, and for ever.
   */
  isGhost({ topicId }: TopicItem, written: Written): Promise<boolean> {
    return this.read(() => this.#ports.index.isRemoved({ topicId, partition: 0 }), written)
  }

  /** @param written what the whole call has written by now, for the error */
  read<T>(step: () => Promise<T>, written: Written | WrittenSoFar): Promise<T> {
    return retryUntil(this.#ports, this.#ports.clock.monotonicMs() + PRODUCE_DEADLINE_MS, written, step)
  }

  #write<T>(step: () => Promise<T>): Promise<T> {
    return this.read(step, 'unknown')
  }
}

export function topicExists(name: string, written: Written): TidemarkError {
  return new TidemarkError('TOPIC_ALREADY_EXISTS', `There is a topic "${name}" already.`, written)
}
