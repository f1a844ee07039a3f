import { type PartitionId, partitionKey } from '../../core/topic/partition-id.ts'

/** Tells whoever looks at a log's end what this process appends to it. */
export class TailWatch {
  readonly #watching = new Map<string, Set<() => void>>()

  /** Wakes everybody who watches this partition. */
  notify(partition: PartitionId): void {
    for (const wake of this.#watching.get(partitionKey(partition)) ?? []) wake()
  }

  /**
   * Before the look: `wake` is called for each append from now on.
   * @returns ends it
   */
  watch(partition: PartitionId, wake: () => void): () => void {
    const key = partitionKey(partition)
    const all = this.#watching.get(key) ?? new Set()
    this.#watching.set(key, all)
    all.add(wake)
    return () => {
      all.delete(wake)
      if (all.size === 0 && this.#watching.get(key) === all) this.#watching.delete(key)
    }
  }
}
