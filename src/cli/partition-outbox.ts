import type { SourcedBatch } from './record-batcher.ts'

/** Batches of one partition that wait for the call before them: one at a time keeps them in order. */
export class PartitionOutbox {
  readonly partition: number
  busy = false
  #waiting: SourcedBatch[] = []

  constructor(partition: number) {
    this.partition = partition
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  push(batch: SourcedBatch): void {
    this.#waiting.push(batch)
  }

  /** The oldest batches that fit into one call, which stand next to one another in the log. */
  take(callBytesMax: number): SourcedBatch[] {
    let bytes = 0
    let count = 0
    for (const batch of this.#waiting) {
      bytes += batch.bytes.length
      if (count > 0 && bytes > callBytesMax) break
      count++
    }
    return this.#waiting.splice(0, count)
  }
}
