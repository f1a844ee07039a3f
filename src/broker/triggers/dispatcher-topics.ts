import { TidemarkError } from '../../core/errors.ts'
import { PARTITIONS_REMEMBERED_MAX } from '../../core/limits.ts'
import type { TopicDirectory } from '../topics/topic-directory.ts'

/**
 * The names of topics by their ids, which never change: a topic that is made anew has another id. Of topics without
 * triggers it remembers that they have none, so that their appends cost no reads.
 */
export class DispatcherTopics {
  readonly #directory: TopicDirectory
  #names = new Map<string, string>()
  /** Ids that are none of `#triggered`. */
  #others = new Set<string>()
  /** The topics that triggers name, as they were when `#others` were looked for. */
  #triggered = ''

  constructor(directory: TopicDirectory) {
    this.#directory = directory
  }

  /**
   * Which of these ids are topics that triggers name, by id.
   * @param triggered the names of the topics that have triggers
   * @throws NotApplied, StoreFailed
   */
  async nameAll(topicIds: ReadonlySet<string>, triggered: ReadonlySet<string>): Promise<Map<string, string>> {
    const names = JSON.stringify([...triggered].sort())
    if (names !== this.#triggered) this.#others.clear()
    this.#triggered = names
    const isKnown = (topicId: string) => this.#names.has(topicId) || this.#others.has(topicId)
    if (triggered.size > 0 && ![...topicIds].every(isKnown)) {
      await this.#learn(triggered)
      for (const topicId of topicIds) if (!this.#names.has(topicId)) this.#others.add(topicId)
    }
    const found = new Map<string, string>()
    for (const topicId of topicIds) {
      const name = this.#names.get(topicId)
      if (name !== undefined && triggered.has(name)) found.set(topicId, name)
    }
    this.#keepWithinBounds()
    return found
  }

  async #learn(triggered: ReadonlySet<string>): Promise<void> {
    for (const name of triggered) {
      try {
        this.#names.set((await this.#directory.refresh(name)).topicId, name)
      } catch (error) {
        // A trigger may outlive its topic, and come before it.
        if (!(error instanceof TidemarkError && error.kafkaName === 'UNKNOWN_TOPIC_OR_PARTITION')) throw error
      }
    }
  }

  #keepWithinBounds(): void {
    if (this.#names.size > PARTITIONS_REMEMBERED_MAX) this.#names = new Map()
    if (this.#others.size > PARTITIONS_REMEMBERED_MAX) this.#others = new Set()
  }
}
