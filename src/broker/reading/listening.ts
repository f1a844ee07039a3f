import type { Offset } from '../../core/numbers.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { OpenTail, Tails } from './tails.ts'
import type { Waiting } from './waiting.ts'

interface Listener {
  readonly wake: (endOffset: Offset) => void
  readonly open: OpenTail
  isOver: boolean
}

/**
 * Those who are to be told of the next change of a log, for as long as that takes: they wait at its end as fetches do, all by
 * one promise, and keep nothing but their place there.
 */
export class Listening {
  readonly #tails: Tails
  #waiting: Waiting<Listener> | undefined

  constructor(tails: Tails) {
    this.#tails = tails
  }

  /**
   * Calls `wake` once, when the log's end is another one than it was when this resolved, or the log is gone.
   * @returns ends it
   * @throws TidemarkError where the log cannot be looked at
   */
  async listen({ topicId, partition }: PartitionId, wake: (endOffset: Offset) => void): Promise<() => void> {
    const open = this.#tails.open({ topicId, partition })
    const listener: Listener = { wake, open, isOver: false }
    try {
      // Before whatever the caller looks at next: an append between the two wakes him for nothing, and none is missed.
      const seen = await open.tail.look()
      this.#wait().follow(listener, open.tail, seen)
    } catch (error) {
      open.close()
      throw error
    }
    return () => this.#end(listener)
  }

  /** Wakes nobody any more. */
  close(): void {
    this.#waiting?.stop()
  }

  #wait(): Waiting<Listener> {
    if (this.#waiting) return this.#waiting
    this.#waiting = this.#tails.wait<Listener>(Number.POSITIVE_INFINITY)
    void this.#tellAll(this.#waiting)
    return this.#waiting
  }

  async #tellAll(waiting: Waiting<Listener>): Promise<void> {
    for (;;) {
      const news = await waiting.next()
      for (const [listener, look] of news ?? []) {
        const isOver = listener.isOver
        this.#end(listener)
        // One that cannot be looked at now is looked at by whoever is woken: he hears why.
        if (!isOver) listener.wake('seen' in look ? (look.seen.head?.nextOffset ?? NOTHING) : NOTHING)
      }
      if (waiting.isOver) return waiting.end()
    }
  }

  #end(listener: Listener): void {
    if (listener.isOver) return
    listener.isOver = true
    this.#waiting?.unfollow(listener)
    listener.open.close()
  }
}

const NOTHING = 0 as Offset
