import type { Clock } from '../../ports/clock.ts'

interface Timer {
  readonly dueMs: number
  readonly order: number
  readonly fire: () => void
}

/**
 * Time that passes only when somebody lets it. Timers that are due at the same moment fire in the order in
 * which they were set, so a run over this clock can be replayed.
 */
export class VirtualClock implements Clock {
  #nowMs: number
  #order = 0
  readonly #timers = new Set<Timer>()

  constructor(nowMs: number) {
    this.#nowMs = nowMs
  }

  nowMs(): number {
    return this.#nowMs
  }

  sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      if (signal?.aborted) return resolve()
      const end = () => {
        this.#timers.delete(timer)
        signal?.removeEventListener('abort', end)
        resolve()
      }
      // Whole milliseconds, as every clock tells them.
      const dueMs = this.#nowMs + Math.max(0, Math.ceil(durationMs))
      const timer: Timer = { dueMs, order: this.#order++, fire: end }
      this.#timers.add(timer)
      signal?.addEventListener('abort', end)
    })
  }

  turn(): Promise<void> {
    return this.sleep(0)
  }

  /** Fires timers, each after all that the one before set off has come to rest, until `isDone` or none is left. */
  async runUntil(isDone: () => boolean): Promise<void> {
    for (;;) {
      await settle()
      if (isDone()) return
      const next = this.#earliest()
      if (!next) throw new Error('nothing is left that could happen, but the run is not done')
      this.#nowMs = Math.max(this.#nowMs, next.dueMs)
      next.fire()
    }
  }

  #earliest(): Timer | undefined {
    let earliest: Timer | undefined
    for (const timer of this.#timers) {
      const isEarlier =
        !earliest ||
        timer.dueMs < earliest.dueMs ||
        (timer.dueMs === earliest.dueMs && timer.order < earliest.order)
      if (isEarlier) earliest = timer
    }
    return earliest
  }
}

/** Lets every promise that can settle do so. */
function settle(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
