/** A moment at which something is to happen. */
export interface Timer {
  readonly dueMs: number
  /** Which of those that are due at the same moment comes first. */
  readonly order: number
  /** Whether it has come to nothing since it was set. */
  isOver: boolean
  fire: () => void
}

/** Timers of which the earliest is at hand: a heap in which each comes before the two at twice its place. */
export class Timers {
  readonly #heap: Timer[] = []

  add(timer: Timer): void {
    let place = this.#heap.length
    while (place > 0) {
      const above = (place - 1) >> 1
      if (isEarlier(this.#heap[above]!, timer)) break
      this.#heap[place] = this.#heap[above]!
      place = above
    }
    this.#heap[place] = timer
  }

  /** Takes the earliest out that is not over; undefined where there is none. */
  take(): Timer | undefined {
    for (;;) {
      const earliest = this.#heap[0]
      const last = this.#heap.pop()
      if (last && last !== earliest) this.#sink(last)
      if (!earliest?.isOver) return earliest
    }
  }

  #sink(timer: Timer): void {
    let place = 0
    for (;;) {
      let below = 2 * place + 1
      if (below >= this.#heap.length) break
      if (below + 1 < this.#heap.length && isEarlier(this.#heap[below + 1]!, this.#heap[below]!)) below += 1
      if (isEarlier(timer, this.#heap[below]!)) break
      this.#heap[place] = this.#heap[below]!
      place = below
    }
    this.#heap[place] = timer
  }
}

function isEarlier(one: Timer, other: Timer): boolean {
  return one.dueMs === other.dueMs ? one.order < other.order : one.dueMs < other.dueMs
}
