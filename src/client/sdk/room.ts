import { TidemarkError } from '../../core/errors.ts'

/** Longer than a timer can wait. */
const TIMER_MS_MAX = 2 ** 31 - 1

/** Bounded memory: whoever finds it full waits until enough was given back. */
export class Room {
  readonly #bytesMax: number
  #bytes = 0
  readonly #waiting = new Set<() => void>()

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get isFull(): boolean {
    return this.#bytes > this.#bytesMax
  }

  /** Never refused: a record that is larger than all the room could not be sent otherwise. */
  take(bytes: number): void {
    this.#bytes += bytes
  }

  giveBack(bytes: number): void {
    this.#bytes -= bytes
    for (const wake of this.#waiting) wake()
    this.#waiting.clear()
  }

  /**
   * Waits while it is full.
   * @param hurry called before each wait: sends what would only be waited for
   * @throws TidemarkError REQUEST_TIMED_OUT after `waitMs`
   */
  async whenFree(hurry: () => void, waitMs: number): Promise<void> {
    const deadlineMs = performance.now() + waitMs
    while (this.isFull) {
      hurry()
      const leftMs = deadlineMs - performance.now()
      if (leftMs > 0) await this.#change(leftMs)
      else {
        const message = `There was no room for more records for ${Math.round(waitMs)} ms: the broker takes them too slowly.`
        throw new TidemarkError('REQUEST_TIMED_OUT', message)
      }
    }
  }

  /** Waits until something is given back, or the time is up. */
  #change(waitMs: number): Promise<void> {
    return new Promise(resolve => {
      const end = () => {
        clearTimeout(timer)
        resolve()
      }
      const timer = setTimeout(end, Math.min(waitMs, TIMER_MS_MAX))
      this.#waiting.add(end)
    })
  }
}
