/** How long after a failure, or after a look that still found it, the next look comes. */
const LOOK_PAUSE_MS = 500

/** What a part of a store last failed with, until it works again. */
export class Trouble {
  #told: string | undefined
  #lookAtMs = 0
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
  }

  /** What is wrong; it is tried whether that is over. */
  async look(): Promise<string | undefined> {
    if (this.#told === undefined || performance.now() < this.#lookAtMs) return this.#told
    this.#lookAtMs = Number.POSITIVE_INFINITY
    try {
      await this.#tryOut()
      this.worked()
    } catch (error) {
      this.failed(error as Error)
    }
    return this.#told
  }
}
