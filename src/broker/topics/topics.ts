import type { AlterTopic, CreateTopic, TopicDescription, TopicSummary } from '../../contract/broker.ts'
import { TidemarkError, type Written } from '../../core/errors.ts'
import { PRODUCE_DEADLINE_MS, TOPIC_PARTITIONS_MAX } from '../../core/limits.ts'
import { dropsHeads, type LostTry, nextTopicId } from '../../core/topic/creation.ts'
import { afterGrowth } from '../../core/topic/partition-age.ts'
import { type PartitionId, partitionsOf } from '../../core/topic/partition-id.ts'
import { checkConfigName, checkConfigs, describeConfigs } from '../../core/topic/topic-config.ts'
import { toTopicId } from '../../core/topic/topic-id.ts'
import { checkTopicName } from '../../core/topic/topic-name.ts'
import type { Ports } from '../../ports/index.ts'
import { OutcomeUnknown } from '../../ports/outcome.ts'
import type { TopicItem } from '../../ports/topic-store.ts'
import { fewAtATime } from '../store-calls/few-at-a-time.ts'
import { backoffMs, retryUntil, timedOut } from '../store-calls/retry.ts'
import { type TopicDirectory, unknownTopic } from './topic-directory.ts'

const HEADS_PARALLEL = 32

/** What keeps a topic whole that is made anew. Only a test that breaks it on purpose puts others in their place. */
export interface CreationDecisions {
  readonly nextTopicId: typeof nextTopicId
  readonly dropsHeads: typeof dropsHeads
}

export class Topics {
  readonly #ports: Ports
  readonly #directory: TopicDirectory
  readonly #decisions: CreationDecisions

  constructor(ports: Ports, directory: TopicDirectory, decisions: Partial<CreationDecisions> = {}) {
    this.#ports = ports
    this.#directory = directory
    this.#decisions = { nextTopicId, dropsHeads, ...decisions }
  }

  async create({ topic: name, partitions = 1, configs = {} }: CreateTopic): Promise<TopicDescription> {
    checkTopicName(name)
    checkPartitionCount(partitions)
    checkConfigs(configs)
    const tries = new Map<string, LostTry>()
    let written: Written = 'no'
    let topicId = toTopicId(this.#ports.entropy.id())
    const deadlineMs = this.#deadlineMs()
    for (let failures = 0; ; failures += 1) {
      const standing = await this.#read(() => this.#ports.topics.get(name), written)
      if (standing?.state === 'live') {
        await this.#dropHeads(tries, partitions, standing.topicId)
        // A try without an answer may have made it; altered by somebody else since, maybe.
        if (tries.has(standing.topicId)) return await this.#describe(standing, 'yes')
        throw new TidemarkError('TOPIC_ALREADY_EXISTS', `There is a topic "${name}" already.`, written)
      }
      if (standing) await this.#finishDeletion(standing)
      const createdMs = this.#ports.clock.nowMs()
      const version = this.#ports.entropy.id()
      const item: TopicItem = { name, topicId, partitions, configs, createdMs, state: 'live', version }
      // Heads before the topic: whoever sees the topic can append to it. A crash in between leaves empty heads
      // of a topic that never was.
      await this.#createHeads(topicId, 0, partitions)
      const outcome = await this.#putNew(item)
      if (outcome === 'done') {
        this.#directory.forget(name)
        await this.#dropHeads(tries, partitions, topicId)
        return await this.#describe(item, 'yes')
      }
      const fresh = toTopicId(this.#ports.entropy.id())
      tries.set(topicId, outcome === 'refused' ? 'refused' : 'unsure')
      topicId = outcome === 'refused' ? fresh : this.#decisions.nextTopicId(fresh, topicId)
      if (outcome === 'refused') continue
      written = 'unknown'
      const pauseMs = backoffMs(failures, this.#ports.entropy)
      if (this.#ports.clock.nowMs() + pauseMs >= deadlineMs) throw timedOut(outcome, written)
      await this.#ports.clock.sleep(pauseMs)
    }
  }

  async list(): Promise<TopicSummary[]> {
    return await this.#read(async () => {
      const topics: TopicSummary[] = []
      for await (const { name, topicId, partitions, state } of this.#ports.topics.list()) {
        if (state === 'live') topics.push({ topic: name, topicId, partitions })
      }
      return topics
    })
  }

  async describe(name: string): Promise<TopicDescription> {
    return await this.#describe(await this.#get(name))
  }

  async alter({ topic: name, partitions, set = {}, unset = [] }: AlterTopic): Promise<TopicDescription> {
    checkConfigs(set)
    for (const config of unset) checkConfigName(config)
    let written: Written = 'no'
    let topicId: string | undefined
    for (;;) {
      const item = await this.#get(name, written)
      // Deleted meanwhile, and another one made under its name.
      if (topicId !== undefined && item.topicId !== topicId) throw unknownTopic(name, written)
      topicId = item.topicId
      // A try of unknown outcome may have been what made it grow.
      const hasGrown = written === 'unknown' && item.partitions >= (partitions ?? 0)
      if (partitions !== undefined && !hasGrown) checkGrowth(item, partitions)
      const growth = (partitions ?? 0) > item.partitions && {
        grownMs: afterGrowth(item, item.partitions, this.#ports.clock.nowMs()),
      }
      const kept = Object.entries(item.configs).filter(([config]) => !unset.includes(config))
      const altered: TopicItem = {
        ...item,
        partitions: Math.max(item.partitions, partitions ?? 0),
        ...growth,
        configs: { ...Object.fromEntries(kept), ...set },
        version: this.#ports.entropy.id(),
      }
      await this.#createHeads(item.topicId, item.partitions, altered.partitions)
      const { isDone, isUnsure } = await this.#put(altered, item.version)
      if (isDone) {
        this.#directory.forget(name)
        return await this.#describe(altered, 'yes')
      }
      // Somebody else altered it meanwhile: take theirs as the start.
      if (isUnsure) written = 'unknown'
    }
  }

  async delete(name: string): Promise<void> {
    let item: TopicItem | undefined = await this.#get(name)
    const { topicId } = item
    // Once it is gone, by whomever, what has its name is another topic.
    while (item?.topicId === topicId) {
      const deleting: TopicItem = { ...item, state: 'deleting', version: this.#ports.entropy.id() }
      if (item.state === 'deleting' || (await this.#put(deleting, item.version)).isDone) {
        this.#directory.forget(name)
        await this.#finishDeletion(item.state === 'deleting' ? item : deleting)
        return
      }
      item = await this.#read(() => this.#ports.topics.get(name), 'unknown')
    }
  }

  /** Makes up for deletions that a crash left half done. */
  async finishDeletions(): Promise<void> {
    for await (const item of this.#ports.topics.list()) {
      if (item.state === 'deleting') await this.#finishDeletion(item)
    }
  }

  async #finishDeletion(item: TopicItem): Promise<void> {
    await this.#removeLogs(item)
    await this.#write(() => this.#ports.topics.remove(item.name, item.version))
  }

  async #removeLogs({ topicId, partitions }: Pick<TopicItem, 'topicId' | 'partitions'>): Promise<void> {
    await forEach(partitionsOf({ topicId, partitions }), id =>
      this.#write(() => this.#ports.index.removePartition(id)),
    )
  }

  async #createHeads(topicId: string, from: number, to: number): Promise<void> {
    await forEach(partitionsOf({ topicId, partitions: to }).slice(from), id =>
      this.#write(() => this.#ports.index.createHead(id)),
    )
  }

  /** Puts an item under a name that is free. Not repeated where there was no answer, which is told as it is. */
  #putNew(item: TopicItem): Promise<'done' | 'refused' | OutcomeUnknown> {
    return this.#write(async () => {
      try {
        return (await this.#ports.topics.put(item, undefined)) ? 'done' : 'refused'
      } catch (error) {
        if (error instanceof OutcomeUnknown) return error
        throw error
      }
    })
  }

  /** Removes the heads that were made for tries that came to nothing, where they can go. */
  async #dropHeads(tries: ReadonlyMap<string, LostTry>, partitions: number, made: string): Promise<void> {
    for (const [topicId, lost] of tries) {
      if (topicId !== made && this.#decisions.dropsHeads(lost))
        await this.#removeLogs({ topicId, partitions })
    }
  }

  /**
   * A put over another version, which no other write ever has: repeated, it knows its own earlier try again.
   * `isUnsure`: a try had an unknown outcome, so the item may have been put, and been written over or deleted since.
   */
  #put(item: TopicItem, expected: string): Promise<{ isDone: boolean; isUnsure: boolean }> {
    return this.#write(async isUnsure => {
      const isPut = await this.#ports.topics.put(item, expected)
      const wasPut = async () => (await this.#ports.topics.get(item.name))?.version === item.version
      return { isDone: isPut || (isUnsure && (await wasPut())), isUnsure }
    })
  }

  async #get(name: string, written: Written = 'no'): Promise<TopicItem> {
    const item = await this.#read(() => this.#ports.topics.get(name), written)
    if (item?.state !== 'live') throw unknownTopic(name, written)
    return item
  }

  async #describe(item: TopicItem, written: Written = 'no'): Promise<TopicDescription> {
    const { name, topicId, partitions, createdMs, configs } = item
    const offsets = await forEach(partitionsOf(item), async id => {
      const head = await this.#read(() => this.#ports.index.readHead(id), written)
      if (!head) throw unknownTopic(name, written)
      return { partition: id.partition, startOffset: head.startOffset, endOffset: head.nextOffset }
    })
    return { topic: name, topicId, partitions, createdMs, configs: describeConfigs(configs), offsets }
  }

  /** @param written what the whole call has written by now, for the error */
  #read<T>(step: () => Promise<T>, written: Written = 'no'): Promise<T> {
    return retryUntil(this.#ports, this.#deadlineMs(), written, step)
  }

  #write<T>(step: (isUnsure: boolean) => Promise<T>): Promise<T> {
    return retryUntil(this.#ports, this.#deadlineMs(), 'unknown', step)
  }

  #deadlineMs(): number {
    return this.#ports.clock.nowMs() + PRODUCE_DEADLINE_MS
  }
}

function forEach<T>(ids: readonly PartitionId[], work: (id: PartitionId) => Promise<T>): Promise<T[]> {
  return fewAtATime(ids, HEADS_PARALLEL, work)
}

function checkPartitionCount(partitions: number): void {
  if (Number.isInteger(partitions) && partitions >= 1 && partitions <= TOPIC_PARTITIONS_MAX) return
  throw new TidemarkError(
    'INVALID_PARTITIONS',
    `A topic has 1 to ${TOPIC_PARTITIONS_MAX} partitions, not ${partitions}.`,
  )
}

function checkGrowth(item: TopicItem, partitions: number): void {
  checkPartitionCount(partitions)
  if (partitions > item.partitions) return
  throw new TidemarkError(
    'INVALID_PARTITIONS',
    `Topic "${item.name}" has ${item.partitions} partitions already, and their number can only grow; ` +
      `${partitions} is no growth.`,
  )
}
