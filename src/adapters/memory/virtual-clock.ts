import type { Clock } from '../../ports/clock.ts'
import { type Timer, Timers } from './timers.ts'

/**
 * Time that passes only when somebody lets it. Timers that are due at the same moment fire in the order in
 * which they were set, so a run over this clock can be replayed.
 */
export class VirtualClock implements Clock {
  #nowMs: number
  #order = 0
  readonly #timers = new Timers()

  constructor(nowMs: number) {
    this.#nowMs = nowMs
  }

  nowMs(): number {
    return this.#nowMs
  }

  sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      if (signal?.aborted) return resolve()
      // Whole milliseconds, as every clock tells them.
      const dueMs = this.#nowMs + Math.max(0, Math.ceil(durationMs))
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
      if (isDone()) return
      const next = this.#timers.take()
      if (!next) throw new Error('nothing is left that could happen, but the run is not done')
      this.#nowMs = Math.max(this.#nowMs, next.dueMs)
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
