import type { TopicPartitions } from './consumer-options.ts'

interface PausedTopic {
  /** Whether those that are not named are paused as well, those that come later too. */
  isWhole: boolean
  /** Those that are paused; of a whole topic, those that are not. */
  readonly named: Set<number>
}

/** What a consumer does not deliver: topics, with or without some of their partitions. */
export class PausedPartitions {
  readonly #topics = new Map<string, PausedTopic>()

  pause(topics: readonly TopicPartitions[]): void {
    for (const { topic, partitions } of topics) this.#change(topic, partitions, true)
  }

  resume(topics: readonly TopicPartitions[]): void {
    for (const { topic, partitions } of topics) this.#change(topic, partitions, false)
  }

  has(topic: string, partition: number): boolean {
    const paused = this.#topics.get(topic)
    return paused !== undefined && paused.named.has(partition) !== paused.isWhole
  }

  /**
   * What is paused, in order. A topic without partitions: all of it.
   * @param owned the partitions that a topic of which only some go on is spelt out with
   */
  list(owned: readonly { topic: string; partition: number }[]): TopicPartitions[] {
    return [...this.#topics].flatMap(([topic, { isWhole, named }]) => {
      if (isWhole && named.size === 0) return [{ topic }]
      const all = isWhole
        ? owned.filter(each => each.topic === topic).map(each => each.partition)
        : [...named]
      const partitions = all.filter(partition => this.has(topic, partition)).toSorted((a, b) => a - b)
      return partitions.length > 0 ? [{ topic, partitions }] : []
    })
  }

  #change(topic: string, partitions: readonly number[] | undefined, toPaused: boolean): void {
    if (!partitions) {
      if (toPaused) this.#topics.set(topic, { isWhole: true, named: new Set() })
      else this.#topics.delete(topic)
      return
    }
    const paused = this.#topics.get(topic) ?? { isWhole: false, named: new Set<number>() }
    this.#topics.set(topic, paused)
    for (const partition of partitions) {
      if (toPaused !== paused.isWhole) paused.named.add(partition)
      else paused.named.delete(partition)
    }
  }
}
