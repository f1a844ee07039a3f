import type { AlterTopic, CreateTopic, TopicDescription, TopicSummary } from '../../contract/broker.ts'
import { TidemarkError, type Written } from '../../core/errors.ts'
import { PRODUCE_DEADLINE_MS, TOPIC_PARTITIONS_MAX } from '../../core/limits.ts'
import { checkConfigName, checkConfigs, describeConfigs } from '../../core/topic/topic-config.ts'
import { toTopicId } from '../../core/topic/topic-id.ts'
import { checkTopicName } from '../../core/topic/topic-name.ts'
import type { Ports } from '../../ports/index.ts'
import { OutcomeUnknown } from '../../ports/outcome.ts'
import type { TopicItem } from '../../ports/topic-store.ts'
import { retryUntil } from '../store-calls/retry.ts'
import { type TopicDirectory, unknownTopic } from './topic-directory.ts'

/** Heads that are made, read or removed at the same time. */
const HEADS_PARALLEL = 32

/** Create, describe, alter, delete and list. */
export class Topics {
  readonly #ports: Ports
  readonly #directory: TopicDirectory

  constructor(ports: Ports, directory: TopicDirectory) {
    this.#ports = ports
    this.#directory = directory
  }

  async create({ topic: name, partitions = 1, configs = {} }: CreateTopic): Promise<TopicDescription> {
    checkTopicName(name)
    checkPartitionCount(partitions)
    checkConfigs(configs)
    const standing = await this.#read(() => this.#ports.topics.get(name))
    if (standing?.state === 'live') throw topicExists(name)
    if (standing) await this.#finishDeletion(standing)
    const item: TopicItem = {
      name,
      topicId: toTopicId(this.#ports.entropy.id()),
      partitions,
      configs,
      createdMs: this.#ports.clock.nowMs(),
      state: 'live',
      version: this.#ports.entropy.id(),
    }
    // Heads before the topic: whoever sees the topic can append to it. A crash in between leaves empty heads
    // of a topic that never was.
    await this.#createHeads(item.topicId, 0, partitions)
    const { isDone, isUnsure } = await this.#put(item, undefined)
    if (isDone) {
      this.#directory.forget(name)
      // Between two tries somebody may have deleted what the first one made, and its heads with it.
      if (isUnsure) await this.#createHeads(item.topicId, 0, partitions)
      return await this.#describe(item, 'yes')
    }
    // It may stand there all the same: put by a try of unknown outcome, and altered by somebody else since.
    const winner = await this.#read(() => this.#ports.topics.get(name), isUnsure ? 'unknown' : 'no')
    if (winner?.topicId === item.topicId) return await this.#describe(winner, 'yes')
    await this.#removeLogs(item)
    throw topicExists(name)
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
      const hasGrown = written === 'unknown' && item.partitions === partitions
      if (partitions !== undefined && !hasGrown) checkGrowth(item, partitions)
      const kept = Object.entries(item.configs).filter(([config]) => !unset.includes(config))
      const altered: TopicItem = {
        ...item,
        partitions: partitions ?? item.partitions,
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

  async #removeLogs({ topicId, partitions }: TopicItem): Promise<void> {
    await inParallel(partitions, 0, partition =>
      this.#write(() => this.#ports.index.removePartition({ topicId, partition })),
    )
  }

  async #createHeads(topicId: string, from: number, to: number): Promise<void> {
    await inParallel(to, from, partition =>
      this.#write(() => this.#ports.index.createHead({ topicId, partition })),
    )
  }

  /**
   * A conditional put that knows its own earlier try again. `isUnsure`: a try had an unknown outcome, so the item
   * may have been put, and been written over or deleted since.
   */
  async #put(item: TopicItem, expected: string | undefined): Promise<{ isDone: boolean; isUnsure: boolean }> {
    let isUnsure = false
    return await this.#write(async () => {
      try {
        if (await this.#ports.topics.put(item, expected)) return { isDone: true, isUnsure }
      } catch (error) {
        if (error instanceof OutcomeUnknown) isUnsure = true
        throw error
      }
      const isDone = isUnsure && (await this.#ports.topics.get(item.name))?.version === item.version
      return { isDone, isUnsure }
    })
  }

  async #get(name: string, written: Written = 'no'): Promise<TopicItem> {
    const item = await this.#read(() => this.#ports.topics.get(name), written)
    if (item?.state !== 'live') throw unknownTopic(name, written)
    return item
  }

  async #describe(item: TopicItem, written: Written = 'no'): Promise<TopicDescription> {
    const { name, topicId, partitions, createdMs, configs } = item
    const offsets = await inParallel(partitions, 0, async partition => {
      const head = await this.#read(() => this.#ports.index.readHead({ topicId, partition }), written)
      if (!head) throw unknownTopic(name, written)
      return { partition, startOffset: head.startOffset, endOffset: head.nextOffset }
    })
    return { topic: name, topicId, partitions, createdMs, configs: describeConfigs(configs), offsets }
  }

  /** @param written what the whole call has written by now, for the error */
  #read<T>(step: () => Promise<T>, written: Written = 'no'): Promise<T> {
    return retryUntil(this.#ports, this.#deadlineMs(), written, step)
  }

  #write<T>(step: () => Promise<T>): Promise<T> {
    return retryUntil(this.#ports, this.#deadlineMs(), 'unknown', step)
  }

  #deadlineMs(): number {
    return this.#ports.clock.nowMs() + PRODUCE_DEADLINE_MS
  }
}

/** Does something for the numbers from `from` to below `to`, a few at a time; results in order. */
async function inParallel<T>(to: number, from: number, work: (number: number) => Promise<T>): Promise<T[]> {
  const results: T[] = []
  for (let start = from; start < to; start += HEADS_PARALLEL) {
    const numbers = Array.from({ length: Math.min(HEADS_PARALLEL, to - start) }, (_, index) => start + index)
    results.push(...(await Promise.all(numbers.map(work))))
  }
  return results
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

function topicExists(name: string): TidemarkError {
  return new TidemarkError('TOPIC_ALREADY_EXISTS', `There is a topic "${name}" already.`)
}
