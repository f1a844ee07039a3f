import { hasWorkBeside } from '../../core/turns.ts'
import type { Clock } from '../../ports/clock.ts'
import { type Timer, Timers } from './timers.ts'

/** Any moment but the epoch: whoever takes one clock for the other is far off. */
const MONOTONIC_START_MS = 12_345

/**
 * Time that passes only when somebody lets it. Timers that are due at the same moment fire in the order in
 * which they were set, so a run over this clock can be replayed.
 */
export class VirtualClock implements Clock {
  /** Of the monotonic clock, which began somewhere else than at the epoch. */
  #monotonicMs = MONOTONIC_START_MS
  #wallAheadMs: number
  #order = 0
  readonly #timers = new Timers()

  constructor(nowMs: number) {
    this.#wallAheadMs = nowMs - this.#monotonicMs
  }

  nowMs(): number {
    return this.#monotonicMs + this.#wallAheadMs
  }

  monotonicMs(): number {
    return this.#monotonicMs
  }

  /** Sets the wall clock ahead, or back where it is negative: as somebody does who corrects the time of a machine. */
  stepWall(byMs: number): void {
    this.#wallAheadMs += byMs
  }

  sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      if (signal?.aborted) return resolve()
      // Whole milliseconds, as every clock tells them.
      const dueMs = this.#monotonicMs + Math.max(0, Math.ceil(durationMs))
      const timer: Timer = { dueMs, order: this.#order++, isOver: false, fire: resolve }
      this.#timers.add(timer)
      if (!signal) return
      const end = () => {
        timer.isOver = true
        resolve()
      }
      timer.fire = () => {
        signal.removeEventListener('abort', end)
        resolve()
      }
      signal.addEventListener('abort', end, { once: true })
    })
  }

  turn(): Promise<void> {
    return this.sleep(0)
  }

  /**
   * Fires timers, each after all that the one before set off has come to rest, until `isDone` or none is left.
   * @param settle resolves when every promise that can settle has done so
   */
  async runUntil(isDone: () => boolean, settle: () => Promise<void> = nextTurn): Promise<void> {
    for (;;) {
      await settle()
      while (hasWorkBeside()) {
        // Whatever is loaded or done on other threads needs the event loop, which `settle` need not go round.
        await nextTurn()
        await settle()
      }
      if (isDone()) return
      const next = this.#timers.take()
      if (!next) throw new Error('nothing is left that could happen, but the run is not done')
      this.#monotonicMs = Math.max(this.#monotonicMs, next.dueMs)
      next.fire()
    }
  }

  /** Lets time pass until the promise has settled, and answers it. */
  async runUntilSettled<T>(promise: Promise<T>): Promise<T> {
    let isDone = false
    const done = () => {
      isDone = true
    }
    promise.then(done, done)
    await this.runUntil(() => isDone)
    return await promise
  }
}

function nextTurn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
