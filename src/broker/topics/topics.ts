import type {
  AlterTopic,
  CreateTopic,
  PartitionOffsets,
  TopicDescription,
  TopicSummary,
} from '../../contract/broker.ts'
import { TidemarkError, type Written } from '../../core/errors.ts'
import { MAKING_LEFT_MS, TOPIC_PARTITIONS_MAX } from '../../core/limits.ts'
import { toWholeNumber, wholeNumberWords } from '../../core/numbers.ts'
import { headsMade, isLeftBehind } from '../../core/topic/creation.ts'
import { afterGrowth } from '../../core/topic/partition-age.ts'
import {
  checkConfigName,
  checkConfigs,
  checkTogether,
  describeConfigs,
  namesExpiry,
  namesRules,
} from '../../core/topic/topic-config.ts'
import { checkTopicName } from '../../core/topic/topic-name.ts'
import type { Ports } from '../../ports/index.ts'
import type { TopicItem } from '../../ports/topic-store.ts'
import { makeTopic } from './create-topic.ts'
import { type TopicDirectory, unknownTopic } from './topic-directory.ts'
import { TopicSteps } from './topic-steps.ts'

export class Topics {
  readonly #ports: Ports
  readonly #directory: TopicDirectory
  readonly #steps: TopicSteps

  constructor(ports: Ports, directory: TopicDirectory) {
    this.#ports = ports
    this.#directory = directory
    this.#steps = new TopicSteps(ports)
  }

  async create(request: CreateTopic): Promise<TopicDescription> {
    const { topic: name, partitions = 1, configs = {} } = request
    checkTopicName(name)
    checkPartitionCount(partitions)
    checkConfigs(configs)
    checkTogether(configs, Object.keys(configs))
    const { item, isNew, offsets } = await makeTopic(this.#ports, this.#steps, request)
    if (isNew) this.#directory.forget(name)
    return descriptionOf(item, offsets)
  }

  async list(): Promise<TopicSummary[]> {
    return await this.#steps.read(async () => {
      const topics: TopicSummary[] = []
      for await (const { name, topicId, partitions, state } of this.#ports.topics.list()) {
        if (state === 'live') topics.push({ topic: name, topicId, partitions })
      }
      return topics
    }, 'no')
  }

  async describe(name: string): Promise<TopicDescription> {
    return await this.#describe(await this.#get(name))
  }

  async alter({ topic: name, partitions, set = {}, unset = [] }: AlterTopic): Promise<TopicDescription> {
    checkConfigs(set)
    for (const config of unset) checkConfigName(config)
    const named = [...Object.keys(set), ...unset]
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
      const configs = { ...Object.fromEntries(kept), ...set }
      checkTogether(configs, named)
      const grown = Math.max(item.partitions, partitions ?? 0)
      const noted = await this.#noteGrowth(item, grown)
      if (!noted) continue
      if (!(await this.#steps.createHeads(item.topicId, item.partitions, grown, written))) {
        await this.#steps.retire(noted)
        continue
      }
      const { growingTo, ...rest } = noted
      const altered: TopicItem = {
        ...rest,
        // Of a growth that came to nothing, for the deletion to know.
        ...(growingTo !== undefined && growingTo > grown && { growingTo }),
        partitions: grown,
        ...growth,
        configs,
        ...(namesExpiry(named) && { expires: true }),
        version: this.#ports.entropy.id(),
      }
      const { isDone, isUnsure } = await this.#steps.put(altered, noted.version)
      if (isDone) {
        this.#directory.forget(name)
        await this.#fenceDeciders(altered, named)
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
      try {
        if (item.state === 'deleting') await this.#steps.finishDeletion(item)
        if (item.state === 'deleting' || (await this.#steps.retire(item))) return
      } finally {
        this.#directory.forget(name)
      }
      item = await this.#steps.get(name, 'unknown')
    }
  }

  /**
   * Makes up for what crashes have left: deletions that are half done, topics whose making broke off, and those that are
   * there again after they were deleted.
   * @param suspects ids of topics that may be such; all unless given
   */
  async finishDeletions(suspects?: ReadonlySet<string>): Promise<void> {
    for await (const item of this.#ports.topics.list()) {
      if (item.state === 'deleting') await this.#steps.finishDeletion(item)
      else if (await this.#isOver(item, suspects)) await this.#steps.retire(item)
    }
  }

  async #isOver(item: TopicItem, suspects: ReadonlySet<string> | undefined): Promise<boolean> {
    if (item.state === 'making')
      return isLeftBehind(item.createdMs, this.#ports.clock.nowMs(), MAKING_LEFT_MS)
    return (suspects?.has(item.topicId) ?? true) && (await this.#steps.isGhost(item, 'no'))
  }

  /**
   * Whoever has decided on what goes by the rules of before is refused from then on: an alteration holds once it is
   * answered, and not when a process that slept has ended.
   */
  async #fenceDeciders(item: TopicItem, named: readonly string[]): Promise<void> {
    // Be they as they were: it may be a call that is repeated, and the first one broke off before this.
    if (namesRules(named)) await this.#steps.alterRules(item)
  }

  /** Notes down how far heads are going to be made, before any is. Undefined: somebody else has altered it meanwhile. */
  async #noteGrowth(item: TopicItem, to: number): Promise<TopicItem | undefined> {
    if (to <= headsMade(item)) return item
    const noted: TopicItem = { ...item, growingTo: to, version: this.#ports.entropy.id() }
    return (await this.#steps.put(noted, item.version)).isDone ? noted : undefined
  }

  async #get(name: string, written: Written = 'no'): Promise<TopicItem> {
    const item = await this.#steps.get(name, written)
    if (item?.state !== 'live') throw unknownTopic(name, written)
    return item
  }

  async #describe(item: TopicItem, written: Written = 'no'): Promise<TopicDescription> {
    const offsets = await this.#steps.offsets(item, written)
    if (!offsets) {
      if (await this.#steps.isGhost(item, written)) await this.#steps.retire(item)
      throw unknownTopic(item.name, written)
    }
    return descriptionOf(item, offsets)
  }
}

function descriptionOf(
  { name, topicId, partitions, createdMs, configs, expires = false }: TopicItem,
  offsets: PartitionOffsets[],
): TopicDescription {
  return {
    topic: name,
    topicId,
    partitions,
    createdMs,
    configs: describeConfigs(configs, expires),
    offsets,
  }
}

function checkPartitionCount(partitions: number): void {
  const bounds = { min: 1, max: TOPIC_PARTITIONS_MAX }
  if (typeof partitions === 'number' && toWholeNumber(partitions, bounds) !== undefined) return
  throw new TidemarkError(
    'INVALID_PARTITIONS',
    `A topic has ${wholeNumberWords(bounds, 'partitions')}, not ${JSON.stringify(partitions)}.`,
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
