import { TidemarkError } from '../../core/errors.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { TopicDirectory } from '../topics/topic-directory.ts'

/** Which log is asked for. */
export interface AskedLog {
  /** Undefined: the topic is named by its id alone. */
  readonly topic?: string | undefined
  readonly topicId?: string | undefined
  readonly partition: number
}

/** The topics that reads ask for, by their names, by their ids, or by both. */
export class AskedTopics {
  readonly #directory: TopicDirectory
  /** By id: what the topics were called when they were listed last. */
  #names: ReadonlyMap<string, string> = new Map()
  #listing: Promise<ReadonlyMap<string, string>> | undefined

  constructor(directory: TopicDirectory) {
    this.#directory = directory
  }

  /** @throws TidemarkError UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID, INVALID_REQUEST where it is neither name nor id */
  async find({ topic, topicId, partition }: AskedLog): Promise<PartitionId> {
    if (topic !== undefined) return await this.#directory.resolvePartition(topic, partition, topicId)
    if (topicId === undefined) throw new TidemarkError('INVALID_REQUEST', 'A topic has a name or an id.')
    const name = this.#names.get(topicId) ?? (await this.#list()).get(topicId)
    if (name === undefined) throw noSuchTopicId(topicId)
    try {
      return await this.#directory.resolvePartition(name, partition, topicId)
    } catch (error) {
      // Whoever names an id has never heard of the name.
      const isGone = error instanceof TidemarkError && this.#directory.peek(name)?.topicId !== topicId
      throw isGone ? noSuchTopicId(topicId) : error
    }
  }

  /** Has the store asked the next time: its log is not there. */
  forget({ topic, topicId = '' }: AskedLog): void {
    const name = topic ?? this.#names.get(topicId)
    if (name !== undefined) this.#directory.forget(name)
  }

  #list(): Promise<ReadonlyMap<string, string>> {
    this.#listing ??= this.#readNames().finally(() => {
      this.#listing = undefined
    })
    return this.#listing
  }

  async #readNames(): Promise<ReadonlyMap<string, string>> {
    const names = new Map<string, string>()
    for await (const { topicId, name } of this.#directory.list()) names.set(topicId, name)
    this.#names = names
    return names
  }
}

function noSuchTopicId(topicId: string): TidemarkError {
  return new TidemarkError(
    'UNKNOWN_TOPIC_ID',
    `There is no topic with the id ${topicId}: it was deleted, or never made. Look its name up again.`,
  )
}
