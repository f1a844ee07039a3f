import { PARTITIONS_REMEMBERED_MAX } from '../../core/limits.ts'
import type { Offset } from '../../core/numbers.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { AskedLog } from './asked-topics.ts'
import type { Seen } from './tail.ts'

/** Where a log began and ended by some look. */
export interface KnownEnd {
  readonly partition: PartitionId
  readonly startOffset: Offset
  readonly endOffset: Offset
}

/**
 * What was seen of logs that are read together with others. Where an answer has no room for any more, what there is to tell of
 * those that have more is that, and nobody looks at them.
 */
export class KnownEnds {
  /** The one that was seen longest ago comes first. */
  readonly #ends = new Map<string, KnownEnd>()

  find(asked: AskedLog): KnownEnd | undefined {
    return this.#ends.get(keyOf(asked))
  }

  note(asked: AskedLog, { partition, head }: Seen): void {
    const key = keyOf(asked)
    this.#ends.delete(key)
    if (!head) return
    this.#ends.set(key, { partition, startOffset: head.startOffset, endOffset: head.nextOffset })
    if (this.#ends.size > PARTITIONS_REMEMBERED_MAX) this.#ends.delete(this.#ends.keys().next().value!)
  }
}

function keyOf({ topic = '', topicId = '', partition }: AskedLog): string {
  return `${partition} ${topicId} ${topic}`
}
