import { FETCH_LAST_LOOK_MS_MAX, FETCH_POLL_INTERVAL_MS } from '../../core/limits.ts'
import type { Head } from '../../core/log/head.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'

/** What a look at a log's end has seen. */
export interface Seen {
  readonly partition: PartitionId
  /** undefined: the log is gone. */
  readonly head: Head | undefined
}

/** What a look brought: whoever follows gets its failure, too. */
export type Look = { readonly seen: Seen } | { readonly error: unknown }

/** What a tail needs of those around it. */
export interface TailSurroundings {
  monotonicMs(): number
  /** Finds the log and calls `found` with it, before its end is read. */
  look(found: (partition: PartitionId) => void): Promise<Seen>
  /** @returns ends it */
  watch(partition: PartitionId, wake: () => void): () => void
  /** What the pause between two looks may grow to. */
  readonly pauseMsMax: number
  /** What it is at least, by how many logs are looked at. */
  pauseMsMin(): number
}

interface Follower {
  readonly seen: Seen
  readonly tell: (look: Look) => void
}

/**
 * The end of one log, as all who wait there see it: a look is for all of them. One that began after somebody came is as
 * good to him as his own.
 */
export class Tail {
  readonly #around: TailSurroundings
  readonly #followers = new Set<Follower>()
  /** Asked for, and not begun. */
  #gathered: Promise<Seen> | undefined
  #begun = 0
  /** Of the newest look whose result is known: an older one has nothing to add. */
  #told = 0
  #latest: Seen | undefined
  #watched: { readonly topicId: string; readonly end: () => void } | undefined
  /** Something was appended since the last look began that was not asked for. */
  #isStale = false
  #pauseMs = FETCH_POLL_INTERVAL_MS
  /** The look for those who follow, while it is under way. */
  #looking: { readonly sinceMs: number } | undefined
  /** When it is to be looked at again. */
  dueMs = Number.POSITIVE_INFINITY

  constructor(around: TailSurroundings) {
    this.#around = around
  }

  get isFollowed(): boolean {
    return this.#followers.size > 0
  }

  /** Somebody new is looked for as often as if he were alone. */
  welcome(): void {
    this.#pauseMs = FETCH_POLL_INTERVAL_MS
  }

  /** A look that begins after this call, together with everybody's who asks in the same turn. */
  look(): Promise<Seen> {
    this.#gathered ??= Promise.resolve().then(() => {
      this.#gathered = undefined
      return this.#look()
    })
    return this.#gathered
  }

  /**
   * Calls `tell` with the first look that finds something else than `seen`, at once where there was one, or that fails.
   * @returns ends it
   */
  follow(seen: Seen, tell: (look: Look) => void): () => void {
    if (this.#latest && isNews(this.#latest, seen)) {
      tell({ seen: this.#latest })
      return () => {}
    }
    const follower = { seen, tell }
    this.#followers.add(follower)
    // The look that is under way says when the next one is due.
    if (!this.#looking) this.dueMs = Math.min(this.dueMs, this.#nextLookMs())
    if (this.#isStale) this.lookAgain()
    return () => this.#followers.delete(follower)
  }

  /** Looks for those who follow: one look at a time, but for one that takes too long. */
  lookAgain(): void {
    const sinceMs = this.#around.monotonicMs()
    if (this.#looking && sinceMs < this.#looking.sinceMs + FETCH_LAST_LOOK_MS_MAX) {
      this.#isStale = true
      return
    }
    this.#isStale = false
    const looking = { sinceMs }
    this.#looking = looking
    this.dueMs = sinceMs + FETCH_LAST_LOOK_MS_MAX
    const over = () => {
      if (this.#looking !== looking) return
      this.#looking = undefined
      this.#pauseMs = Math.min(2 * this.#pauseMs, this.#around.pauseMsMax)
      this.dueMs = this.#nextLookMs()
      if (this.#isStale && this.isFollowed) this.lookAgain()
    }
    // Its failure is told to those who follow.
    this.look().then(over, over)
  }

  #nextLookMs(): number {
    return this.#around.monotonicMs() + Math.max(this.#pauseMs, this.#around.pauseMsMin())
  }

  close(): void {
    this.#watched?.end()
  }

  async #look(): Promise<Seen> {
    this.#begun += 1
    const number = this.#begun
    try {
      const seen = await this.#around.look(partition => this.#watch(partition))
      this.#tell(number, { seen })
      return seen
    } catch (error) {
      this.#tell(number, { error })
      throw error
    }
  }

  #watch(partition: PartitionId): void {
    if (this.#watched?.topicId === partition.topicId) return
    this.#watched?.end()
    const end = this.#around.watch(partition, () => {
      if (this.isFollowed) this.lookAgain()
      else this.#isStale = true
    })
    this.#watched = { topicId: partition.topicId, end }
  }

  #tell(number: number, look: Look): void {
    if (number < this.#told) return
    this.#told = number
    if ('seen' in look) {
      // Those who follow know it.
      if (this.#latest && !isNews(look.seen, this.#latest)) return
      this.#latest = look.seen
    }
    for (const follower of this.#followers) {
      if ('seen' in look && !isNews(look.seen, follower.seen)) continue
      this.#followers.delete(follower)
      follower.tell(look)
    }
  }
}

/** Whether it can make another answer of a fetch that waits: what is flushed meanwhile cannot. */
function isNews(seen: Seen, before: Seen): boolean {
  return (
    seen.head?.nextOffset !== before.head?.nextOffset ||
    seen.head?.startOffset !== before.head?.startOffset ||
    seen.partition.topicId !== before.partition.topicId
  )
}
