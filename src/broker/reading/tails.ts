import { FETCH_LOOKS_PER_SECOND_MAX, FETCH_POLL_INTERVAL_MS } from '../../core/limits.ts'
import type { Head } from '../../core/log/head.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { Clock } from '../../ports/clock.ts'
import type { AskedLog, AskedTopics } from './asked-topics.ts'
import { Tail } from './tail.ts'
import type { TailWatch } from './tail-watch.ts'
import { Waiting } from './waiting.ts'

/** Those that are due so soon after others are looked at with them, so that there is one timer for all. */
const SAME_TURN_MS = FETCH_POLL_INTERVAL_MS / 2

/** A log's end, as long as somebody has it open. */
export interface OpenTail {
  readonly tail: Tail
  close(): void
}

interface SharedTail {
  readonly tail: Tail
  users: number
}

/**
 * The ends of the logs at which fetches wait for more. Appends of this process wake them at once; what other processes
 * write is found by looking again after a pause: one look for all who wait at one log, one timer for all logs.
 */
export class Tails {
  readonly #clock: Clock
  readonly #watch: TailWatch
  readonly #topics: AskedTopics
  readonly #readHead: (partition: PartitionId) => Promise<Head | undefined>
  readonly #pauseMsMax: number
  readonly #open = new Map<string, SharedTail>()
  readonly #waiting = new Set<Waiting<unknown>>()
  #isRunning = false

  /** @param pauseMsMax what the pause between two looks may grow to */
  constructor(
    clock: Clock,
    watch: TailWatch,
    topics: AskedTopics,
    readHead: (partition: PartitionId) => Promise<Head | undefined>,
    pauseMsMax: number,
  ) {
    this.#clock = clock
    this.#watch = watch
    this.#topics = topics
    this.#readHead = readHead
    this.#pauseMsMax = pauseMsMax
  }

  /** Opens a log's end to look at it, and to wait there. */
  open(asked: AskedLog): OpenTail {
    const key = JSON.stringify([asked.topic, asked.partition, asked.topicId])
    const shared = this.#open.get(key) ?? { tail: this.#tailOf(asked), users: 0 }
    const { tail } = shared
    this.#open.set(key, shared)
    shared.users += 1
    tail.welcome()
    const close = () => {
      shared.users -= 1
      if (shared.users > 0) return
      this.#open.delete(key)
      tail.close()
    }
    return { tail, close }
  }

  /** Begins to wait, at whichever ends it is then told to: until the time is up, the signal aborts or nobody may wait any more. */
  wait<Place>(untilMs: number, signal?: AbortSignal): Waiting<Place> {
    const waiting = new Waiting<Place>(untilMs, signal, () => this.#waiting.delete(waiting))
    if (waiting.isOver) return waiting
    this.#waiting.add(waiting)
    const nowMs = this.#clock.monotonicMs()
    // Else it is over when all are looked at.
    if (untilMs < nowMs + FETCH_POLL_INTERVAL_MS)
      this.#clock.sleep(Math.max(0, untilMs - nowMs)).then(() => waiting.stop())
    this.#run()
    return waiting
  }

  /** Lets nobody wait any more. */
  endWaiting(): void {
    for (const waiting of this.#waiting) waiting.stop()
  }

  #tailOf(asked: AskedLog): Tail {
    return new Tail({
      monotonicMs: () => this.#clock.monotonicMs(),
      look: async found => {
        const partition = await this.#topics.find(asked)
        found(partition)
        const head = await this.#readHead(partition)
        if (!head) this.#topics.forget(asked)
        return { partition, head }
      },
      watch: (partition, wake) => this.#watch.watch(partition, wake),
      pauseMsMax: this.#pauseMsMax,
      pauseMsMin: () => (this.#open.size * 1_000) / FETCH_LOOKS_PER_SECOND_MAX,
    })
  }

  /** Looks at each log at which somebody waits when its pause is over, as long as there are any. */
  async #run(): Promise<void> {
    if (this.#isRunning) return
    this.#isRunning = true
    while (this.#waiting.size > 0) {
      const nowMs = this.#clock.monotonicMs()
      let nextMs = nowMs + FETCH_POLL_INTERVAL_MS
      for (const { untilMs } of this.#waiting) nextMs = Math.min(nextMs, untilMs)
      for (const { tail } of this.#open.values()) {
        if (tail.isFollowed) nextMs = Math.min(nextMs, tail.dueMs)
      }
      // At least 1 ms: one whose look is still under way may be due.
      await this.#clock.sleep(Math.max(1, nextMs - nowMs))
      this.#lookAtThoseDue(this.#clock.monotonicMs())
    }
    this.#isRunning = false
  }

  #lookAtThoseDue(nowMs: number): void {
    for (const waiting of this.#waiting) if (waiting.untilMs <= nowMs) waiting.stop()
    for (const { tail } of this.#open.values()) {
      if (tail.isFollowed && tail.dueMs <= nowMs + SAME_TURN_MS) tail.lookAgain()
    }
  }
}
