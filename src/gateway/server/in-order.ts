interface Turn<Answer> {
  /** Whether it may begin while others of its kind are before it. */
  readonly runsAhead: boolean
  readonly begin: () => void
  readonly drop: () => void
  hasBegun: boolean
  answer: { readonly value: Answer } | undefined
}

/** Has a request answered, in its turn. */
export type Settle<Answer> = (answer: Answer) => void

/**
 * The requests of one connection, whose answers go out in the order in which they came. A request begins when all before it
 * have been answered; one that runs ahead begins at once where only such ones are before it. Kafka does one after the other: so
 * what is asked behind a write sees it.
 */
export class InOrder<Answer> {
  readonly #send: (answer: Answer) => void
  readonly #turns: Turn<Answer>[] = []
  #isHeld = false

  /** @param send sends an answer, when it is its turn */
  constructor(send: (answer: Answer) => void) {
    this.#send = send
  }

  /** How many are not answered. */
  get size(): number {
    return this.#turns.length
  }

  /** Whether there is one that others have to wait for: what comes now begins only when that has been answered. */
  get holdsUp(): boolean {
    return this.#turns.some(({ runsAhead }) => !runsAhead)
  }

  /**
   * @param begin called once, now or later, with what answers it: once, then or later
   * @param drop called in its place, where it never begins
   */
  add(runsAhead: boolean, begin: (settle: Settle<Answer>) => void, drop: () => void): void {
    const turn: Turn<Answer> = {
      runsAhead,
      begin: () =>
        begin(value => {
          turn.answer = { value }
          if (this.#turns[0] === turn) this.#goOn()
        }),
      drop,
      hasBegun: false,
      answer: undefined,
    }
    this.#turns.push(turn)
    if (this.#turns.length === 1 || turn.runsAhead) this.#beginNext()
  }

  /** Begins nothing, until it is let go on: who does not take answers needs no more of them. */
  hold(): void {
    this.#isHeld = true
  }

  letGoOn(): void {
    this.#isHeld = false
    this.#beginNext()
  }

  /** Forgets what has not begun. */
  dropWaiting(): void {
    const first = this.#turns.findIndex(({ hasBegun }) => !hasBegun)
    if (first < 0) return
    for (const { drop } of this.#turns.splice(first)) drop()
  }

  #goOn(): void {
    while (this.#turns[0]?.answer !== undefined) this.#send(this.#turns.shift()!.answer!.value)
    this.#beginNext()
  }

  #beginNext(): void {
    if (this.#isHeld) return
    for (let i = 0; i < this.#turns.length; i++) {
      const turn = this.#turns[i]!
      if (i > 0 && !turn.runsAhead) return
      if (!turn.hasBegun) {
        turn.hasBegun = true
        turn.begin()
        // It may have been answered at once, and others have moved up.
        if (this.#turns[i] !== turn) return
      }
      if (!turn.runsAhead) return
    }
  }
}
