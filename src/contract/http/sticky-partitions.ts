import { PARTITIONS_REMEMBERED_MAX } from '../../core/limits.ts'
import { stickyPartition } from '../../core/topic/partitioner.ts'

/** Chooses where each request's records without a key go: another partition than the topic's last request. */
export class StickyPartitions {
  readonly #random: () => number
  readonly #last = new Map<string, number>()

  constructor(random: () => number) {
    this.#random = random
  }

  next(topic: string, partitions: number): number {
    const chosen = stickyPartition(this.#last.get(topic) ?? null, partitions, this.#random())
    // Taken out first, so that the map's order is that of use and the oldest one goes.
    this.#last.delete(topic)
    if (this.#last.size >= PARTITIONS_REMEMBERED_MAX) this.#last.delete(this.#last.keys().next().value!)
    this.#last.set(topic, chosen)
    return chosen
  }
}
