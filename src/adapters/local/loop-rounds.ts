/** Reads and writes of one round: some milliseconds. */
const STEPS_MAX = 100

interface Waiting {
  readonly steps: number
  readonly goOn: () => void
}

/**
 * Shares the rounds of the event loop. SQLite answers in place: whoever waits for a thousand reads, one after the other, never
 * lets the loop go round, and nor do twenty of them together. Meanwhile no request is answered and no connection accepted.
 */
export class LoopRounds {
  #steps = 0
  readonly #waiting: Waiting[] = []

  /**
   * Begins so many reads or writes.
   * @returns what to wait for where this round is full, or others wait already; most often undefined
   */
  begin(steps: number): Promise<void> | undefined {
    if (this.#waiting.length === 0 && this.#steps < STEPS_MAX) {
      this.#steps += steps
      return undefined
    }
    return new Promise(goOn => {
      this.#waiting.push({ steps, goOn })
      if (this.#waiting.length === 1) setImmediate(() => this.#nextRound())
    })
  }

  /** It was more than was thought. */
  add(steps: number): void {
    this.#steps += steps
  }

  #nextRound(): void {
    this.#steps = 0
    while (this.#waiting.length > 0 && this.#steps < STEPS_MAX) {
      const { steps, goOn } = this.#waiting.shift()!
      this.#steps += steps
      goOn()
    }
    if (this.#waiting.length > 0) setImmediate(() => this.#nextRound())
  }
}
