import { type PartitionId, partitionKey } from '../../core/topic/partition-id.ts'
import type { Clock } from '../../ports/clock.ts'

/**
 * Lets fetches at the end of a log wait for more. Appends of this process wake them at once; what other
 * processes write is found by looking again after a pause.
 */
export class TailWatch {
  readonly #clock: Clock
  readonly #waiting = new Map<string, Set<AbortController>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  notify(partition: PartitionId): void {
    const key = partitionKey(partition)
    for (const waiter of this.#waiting.get(key) ?? []) waiter.abort()
  }

  notifyAll(): void {
    for (const waiters of this.#waiting.values()) for (const waiter of waiters) waiter.abort()
  }

  /** Resolves when there may be more, the caller's signal aborts, the pause is over, or the time is up. */
  async wait(partition: PartitionId, pauseMs: number, untilMs: number, signal?: AbortSignal): Promise<void> {
    const key = partitionKey(partition)
    const waiter = new AbortController()
    const waiters = this.#waiting.get(key) ?? new Set()
    waiters.add(waiter)
    this.#waiting.set(key, waiters)
    const wake = () => waiter.abort()
    signal?.addEventListener('abort', wake)
    try {
      if (signal?.aborted) return
      const leftMs = Math.max(0, untilMs - this.#clock.nowMs())
      await this.#clock.sleep(Math.min(pauseMs, leftMs), waiter.signal)
    } finally {
      signal?.removeEventListener('abort', wake)
      waiters.delete(waiter)
      if (waiters.size === 0) this.#waiting.delete(key)
    }
  }
}
