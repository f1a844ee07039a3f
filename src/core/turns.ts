/**
 * Turns in the event loop, and work beside it. Neither takes any time by the clocks that are handed in: a run over
 * virtual time waits for both before it lets any pass.
 */
const waiting: (() => void)[] = []
let beside = 0

/**
 * Long work lets others go first: what the event loop has to do meanwhile is done, and of all who wait here in this
 * process one goes on for each round of the loop, so that many of them hold it up no longer than one.
 */
export function nextTurn(): Promise<void> {
  return workBeside(
    new Promise(resolve => {
      waiting.push(resolve)
      if (waiting.length === 1) setImmediate(letOneGo)
    }),
  )
}

function letOneGo(): void {
  waiting.shift()?.()
  if (waiting.length > 0) setImmediate(letOneGo)
}

/** Notes down what another thread works on, until it has. */
export async function workBeside<T>(work: Promise<T>): Promise<T> {
  beside += 1
  try {
    return await work
  } finally {
    beside -= 1
  }
}

/** Whether something goes on that no clock knows of. */
export function hasWorkBeside(): boolean {
  return beside > 0
}

/** Lets no more than so many do what takes much memory; the others wait, and come in their order. */
export class Lane {
  /** In their order; those before `#next` have had their turn. */
  readonly #waiting: (() => void)[] = []
  #next = 0
  #free: number

  constructor(parallelMax: number) {
    this.#free = parallelMax
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.length - this.#next
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>(resolve => this.#waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = this.#waiting[this.#next]
      if (next) {
        this.#passOn()
        next()
      } else this.#free++
    }
  }

  /** Those that wait move up together: one by one, each would move all that are behind it. */
  #passOn(): void {
    this.#next += 1
    if (2 * this.#next < this.#waiting.length) return
    this.#waiting.splice(0, this.#next)
    this.#next = 0
  }
}
