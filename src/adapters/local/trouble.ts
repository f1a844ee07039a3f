import { setTimeout as sleep } from 'node:timers/promises'
import { STORE_LOOK_MS_MAX, STORE_TRIED_MS } from '../../core/limits.ts'

/** How long after a failure, or after a look that still found it, the next look comes. */
const LOOK_PAUSE_MS = 500

/** What a part of a store last failed with, until it works again. */
export class Trouble {
  #told: string | undefined
  #lookAtMs = 0
  #workedMs = Number.NEGATIVE_INFINITY
  #trying: Promise<void> | undefined
  readonly #tryOut: () => Promise<void>

  /** @param tryOut does what cannot be done while there is trouble */
  constructor(tryOut: () => Promise<void>) {
    this.#tryOut = tryOut
  }

  /** Passes the error on. */
  failed<T extends Error>(error: T): T {
    this.#told = error.message
    this.#lookAtMs = performance.now() + LOOK_PAUSE_MS
    return error
  }

  worked(): void {
    this.#told = undefined
    this.#workedMs = performance.now()
  }

  /**
   * What is wrong; it is tried whether that is over, and that is waited for a little only.
   * @param isTried whether it is also tried where nothing is known to be wrong, and nothing has worked lately
   */
  async look(isTried = false): Promise<string | undefined> {
    const idleMs = performance.now() - this.#workedMs
    const isDue =
      this.#told === undefined ? isTried && idleMs > STORE_TRIED_MS : performance.now() >= this.#lookAtMs
    return await this.#tell(isDue)
  }

  /** The same for what costs so little that it is tried each time, unless it has worked just now. */
  async lookAgain(): Promise<string | undefined> {
    return await this.#tell(performance.now() - this.#workedMs > LOOK_PAUSE_MS)
  }

  async #tell(isDue: boolean): Promise<string | undefined> {
    if (isDue) await within(this.#try(), STORE_LOOK_MS_MAX)
    return this.#told
  }

  #try(): Promise<void> {
    this.#trying ??= this.#tryOut()
      .then(
        () => this.worked(),
        error => void this.failed(error as Error),
      )
      .finally(() => {
        this.#trying = undefined
      })
    return this.#trying
  }
}

/** Waits for it so long at most; it goes on. */
async function within(work: Promise<void>, durationMs: number): Promise<void> {
  const done = new AbortController()
  const late = sleep(durationMs, undefined, { signal: done.signal }).catch(() => {})
  await Promise.race([work, late])
  done.abort()
}
