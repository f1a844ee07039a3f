import { FETCH_POLL_INTERVAL_MS } from '../../core/limits.ts'
import type { Head } from '../../core/log/head.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { Clock } from '../../ports/clock.ts'
import type { TopicDirectory } from '../topics/topic-directory.ts'
import { type Look, type Seen, Tail } from './tail.ts'
import type { TailWatch } from './tail-watch.ts'

/** Those that are due so soon after others are looked at with them, so that there is one timer for all. */
const SAME_TURN_MS = FETCH_POLL_INTERVAL_MS / 2

/** Which log is asked for. */
export interface AskedLog {
  readonly topic: string
  readonly topicId?: string | undefined
  readonly partition: number
}

interface Waiting {
  readonly untilMs: number
  readonly stop: () => void
}

interface OpenTail {
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
  readonly #directory: TopicDirectory
  readonly #readHead: (partition: PartitionId) => Promise<Head | undefined>
  readonly #pauseMsMax: number
  readonly #open = new Map<string, OpenTail>()
  readonly #waiting = new Set<Waiting>()
  #isRunning = false

  /** @param pauseMsMax what the pause between two looks may grow to */
  constructor(
    clock: Clock,
    watch: TailWatch,
    directory: TopicDirectory,
    readHead: (partition: PartitionId) => Promise<Head | undefined>,
    pauseMsMax: number,
  ) {
    this.#clock = clock
    this.#watch = watch
    this.#directory = directory
    this.#readHead = readHead
    this.#pauseMsMax = pauseMsMax
  }

  /** Lets `use` look at a log's end, and wait there. */
  async use<T>(asked: AskedLog, use: (tail: Tail) => Promise<T>): Promise<T> {
    const key = JSON.stringify([asked.topic, asked.partition, asked.topicId])
    const open = this.#open.get(key) ?? { tail: this.#tailOf(asked), users: 0 }
    this.#open.set(key, open)
    open.users += 1
    open.tail.welcome()
    try {
      return await use(open.tail)
    } finally {
      open.users -= 1
      if (open.users === 0) {
        this.#open.delete(key)
        open.tail.close()
      }
    }
  }

  /**
   * What a look finds that sees something else than `seen`; undefined when the time is up, the signal aborts or nobody
   * may wait any more before there is one.
   * @throws what that look threw
   */
  async next(tail: Tail, seen: Seen, untilMs: number, signal?: AbortSignal): Promise<Seen | undefined> {
    if (signal?.aborted) return undefined
    let waiting: Waiting | undefined
    let unfollow: (() => void) | undefined
    const look = await new Promise<Look | undefined>(resolve => {
      const stop = () => resolve(undefined)
      waiting = { untilMs, stop }
      this.#waiting.add(waiting)
      signal?.addEventListener('abort', stop)
      unfollow = tail.follow(seen, resolve)
      const nowMs = this.#clock.monotonicMs()
      // Else it is over when all are looked at.
      if (untilMs < nowMs + FETCH_POLL_INTERVAL_MS) this.#clock.sleep(Math.max(0, untilMs - nowMs)).then(stop)
      this.#run()
    })
    unfollow!()
    signal?.removeEventListener('abort', waiting!.stop)
    this.#waiting.delete(waiting!)
    if (look && 'error' in look) throw look.error
    return look?.seen
  }

  /** Lets nobody wait any more. */
  endWaiting(): void {
    for (const { stop } of this.#waiting) stop()
  }

  #tailOf(asked: AskedLog): Tail {
    return new Tail({
      monotonicMs: () => this.#clock.monotonicMs(),
      look: async found => {
        const { topic, topicId } = asked
        const partition = await this.#directory.resolvePartition(topic, asked.partition, topicId)
        found(partition)
        const head = await this.#readHead(partition)
        if (!head) this.#directory.forget(topic)
        return { partition, head }
      },
      watch: (partition, wake) => this.#watch.watch(partition, wake),
      pauseMsMax: this.#pauseMsMax,
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
    for (const { untilMs, stop } of this.#waiting) if (untilMs <= nowMs) stop()
    for (const { tail } of this.#open.values()) {
      if (tail.isFollowed && tail.dueMs <= nowMs + SAME_TURN_MS) tail.lookAgain()
    }
  }
}
