/** For how long requests make way for connections that are to be accepted. */
const MAKE_WAY_MS = 50
/** Of those that have made way, how many begin in one round of the event loop: some milliseconds' work. */
const BEGUN_A_ROUND = 8

interface Waiting {
  readonly sinceMs: number
  readonly begin: () => void
}

/**
 * Node accepts one connection each time the event loop goes round. Where a thousand come at once and each is served as it is
 * accepted, the last one is heard when all others are through, and be it one that asks for health. So while connections come,
 * those that were accepted wait a little, and then have their turns. Who has gone away meanwhile costs nothing.
 */
export class Turnstile {
  readonly #waiting: Waiting[] = []
  #hasAccepted = false
  #isScheduled = false

  /** A connection has been accepted in this round of the event loop. */
  accepted(): void {
    this.#hasAccepted = true
    this.#schedule()
  }

  /** Has a request begin: at once, but for a while in which connections come. */
  enter(begin: () => void): void {
    if (!this.#hasAccepted && this.#waiting.length === 0) {
      begin()
      return
    }
    this.#waiting.push({ sinceMs: performance.now(), begin })
    this.#schedule()
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      this.#endRound()
    })
  }

  #endRound(): void {
    const hasAccepted = this.#hasAccepted
    this.#hasAccepted = false
    const [first] = this.#waiting
    if (!first) return
    const makesWay = hasAccepted && performance.now() < first.sinceMs + MAKE_WAY_MS
    if (!makesWay) for (const { begin } of this.#waiting.splice(0, BEGUN_A_ROUND)) begin()
    if (this.#waiting.length > 0) this.#schedule()
  }
}
