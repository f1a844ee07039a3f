import { partitionForKey, stickyPartition } from '../core/topic/partitioner.ts'

/**
 * Which partition a record goes to: the one that was named, else the one of its key, else one that unkeyed
 * records stick to until a batch is full (Kafka's sticky partitioner: few full batches, not many small ones).
 */
export class PartitionChoice {
  readonly #partitions: number
  readonly #fixed: number | null
  readonly #random: () => number
  #sticky: number

  constructor(partitions: number, fixed: number | null, random: () => number) {
    this.#partitions = partitions
    this.#fixed = fixed
    this.#random = random
    this.#sticky = stickyPartition(null, partitions, random())
  }

  of(key: Uint8Array | null): number {
    if (this.#fixed !== null) return this.#fixed
    return key === null ? this.#sticky : partitionForKey(key, this.#partitions)
  }

  /** Tells that a batch of `partition` was closed. */
  batchClosed(partition: number): void {
    if (partition !== this.#sticky) return
    this.#sticky = stickyPartition(this.#sticky, this.#partitions, this.#random())
  }
}
