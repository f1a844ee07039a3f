import type { FetchPartition } from '../../contract/broker.ts'
import type { TidemarkError } from '../../core/errors.ts'
import { READ_AGAIN_MAX } from '../../core/limits.ts'
import type { RangeEnd } from '../../core/log/read-plan.ts'
import type { Offset } from '../../core/numbers.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { KnownEnd } from './known-ends.ts'
import { type Available, countBytes, endsInHole, type Wanted } from './partition-reads.ts'
import type { OpenTail } from './tails.ts'
import { missingBytes } from './walk.ts'

/** What becomes of one partition of a fetch. */
export type Outcome<T> = { readonly answer: T } | { readonly error: TidemarkError }

/** Where a log begins and ends, and where the next fetch goes on. */
export interface OffsetsOf {
  readonly startOffset: Offset
  readonly endOffset: Offset
  readonly nextOffset: Offset
}

/** One partition of a fetch, on the way to its answer. */
export class AskedPartition<T> {
  readonly asked: FetchPartition
  /** Whether there may be a wait for it. */
  readonly waits: boolean
  /** Where it is waited for, from its first look on. */
  open: OpenTail | undefined
  readonly bytesMax: number
  wanted: Wanted
  /** By the last look that came in time. */
  available: Available | undefined
  outcome: Outcome<T> | undefined
  #passedOver: PartitionId | undefined
  #misses = 0

  constructor(asked: FetchPartition, bytesMax: number, end: RangeEnd, waits: boolean) {
    this.asked = asked
    this.waits = waits
    this.bytesMax = bytesMax
    const from = asked.offset
    this.wanted = {
      from,
      maxBytes: bytesMax,
      end,
      sparesFooters: true,
      takesHot: end === 'byte',
      roomBytes: Number.POSITIVE_INFINITY,
    }
  }

  /** Its topic's, as far as is known. */
  get topicId(): string | undefined {
    return (this.available?.partition ?? this.#passedOver)?.topicId ?? this.asked.topicId
  }

  get error(): TidemarkError | undefined {
    return this.outcome && 'error' in this.outcome ? this.outcome.error : undefined
  }

  /** About how much there is, as far as somebody has looked. */
  get availableBytes(): number {
    return this.available && !this.outcome ? countBytes(this.available, this.wanted.from) : 0
  }

  /** Whether there is nothing up to the log's end, which lies ahead. */
  get endsInHole(): boolean {
    return !this.outcome && this.available !== undefined && endsInHole(this.available, this.wanted)
  }

  /** Of an answer for which nothing is read: where nothing is left up to the log's end, that is where to go on. */
  get offsets(): OffsetsOf {
    const { startOffset, nextOffset: endOffset } = this.available!.head
    return { startOffset, endOffset, nextOffset: this.endsInHole ? endOffset : this.wanted.from }
  }

  /** Answers it by what was seen of it before: there is no room for more. */
  passOver({ partition, startOffset, endOffset }: KnownEnd, nothing: (offsets: OffsetsOf) => T): void {
    this.#passedOver = partition
    const nextOffset = this.asked.offset
    this.outcome = { answer: nothing({ startOffset, endOffset, nextOffset }) }
  }

  /**
   * What it takes was not there any more: deleted between two looks. The next one tells the caller so, unless the index is
   * damaged.
   * @throws TidemarkError KAFKA_STORAGE_ERROR when that goes on
   */
  missed(): void {
    this.#misses += 1
    if (this.#misses > READ_AGAIN_MAX) throw missingBytes(this.wanted.from)
  }

  /** What is to be looked for instead; the same again is a miss. */
  want(instead: Partial<Wanted>): void {
    const before = this.wanted
    this.wanted = { ...before, ...instead }
    const isNews =
      this.wanted.from > before.from ||
      this.wanted.sparesFooters !== before.sparesFooters ||
      this.wanted.takesHot !== before.takesHot
    if (!isNews) this.missed()
  }
}
