import { type PartitionId, partitionKey } from '../../core/topic/partition-id.ts'
import type { Clock } from '../../ports/clock.ts'

/** Somebody who looks at a log's end, and may wait there. */
export interface ArmedWatch {
  /**
   * Resolves when there may be more than at the last look, the caller's signal aborts, the pause is over, or the time is
   * up. Then look again.
   */
  wait(pauseMs: number, untilMs: number, signal?: AbortSignal): Promise<void>
  disarm(): void
}

/**
 * Lets fetches at the end of a log wait for more. Appends of this process wake them at once; what other
 * processes write is found by looking again after a pause.
 */
export class TailWatch {
  readonly #clock: Clock
  readonly #armed = new Map<string, Set<Armed>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Wakes everybody who watches this partition. */
  notify(partition: PartitionId): void {
    for (const armed of this.#armed.get(partitionKey(partition)) ?? []) armed.wake()
  }

  notifyAll(): void {
    for (const all of this.#armed.values()) for (const armed of all) armed.wake()
  }

  /** Before the look: what is appended between the look and the wait ends that wait at once. */
  arm(partition: PartitionId): ArmedWatch {
    const key = partitionKey(partition)
    const all = this.#armed.get(key) ?? new Set()
    this.#armed.set(key, all)
    const armed = new Armed(this.#clock, () => {
      all.delete(armed)
      if (all.size === 0 && this.#armed.get(key) === all) this.#armed.delete(key)
    })
    all.add(armed)
    return armed
  }
}

class Armed implements ArmedWatch {
  readonly #clock: Clock
  readonly disarm: () => void
  #isWoken = false
  #waiting: AbortController | undefined

  constructor(clock: Clock, disarm: () => void) {
    this.#clock = clock
    this.disarm = disarm
  }

  wake(): void {
    this.#isWoken = true
    this.#waiting?.abort()
  }

  async wait(pauseMs: number, untilMs: number, signal?: AbortSignal): Promise<void> {
    if (!this.#isWoken && !signal?.aborted) {
      const waiting = new AbortController()
      const wake = () => waiting.abort()
      signal?.addEventListener('abort', wake)
      this.#waiting = waiting
      const leftMs = Math.max(0, untilMs - this.#clock.monotonicMs())
      await this.#clock.sleep(Math.min(pauseMs, leftMs), waiting.signal)
      signal?.removeEventListener('abort', wake)
    }
    // The look that follows sees all that woke it until now.
    this.#isWoken = false
  }
}
