export interface RoomLimits {
  /** What all may take at the same time. A single one that is larger is let in alone. */
  readonly bytesMax: number
  /** What counts as small. */
  readonly smallBytesMax: number
  /** How much of it only those may take that are small: they go on however many large ones there are. */
  readonly smallOnlyBytes: number
}

/** A part of a room. */
export interface Place {
  /** Gives it back, or gives up waiting for it. May be repeated. */
  leave(): void
}

interface Waiting {
  readonly bytes: number
  readonly enter: () => void
}

/** One kind of those who share a room: the small ones, or the large ones. */
class Kind {
  bytes = 0
  readonly waiting = new Set<Waiting>()
}

/**
 * Memory that all connections share: who finds no room waits, in the order in which they came. Large ones do not hold up
 * small ones.
 */
export class Room {
  readonly #limits: RoomLimits
  readonly #small = new Kind()
  readonly #large = new Kind()

  constructor(limits: RoomLimits) {
    this.#limits = limits
  }

  /** What is taken. */
  get bytes(): number {
    return this.#small.bytes + this.#large.bytes
  }

  /** Whether somebody waits for what others have. */
  get isPressed(): boolean {
    return this.#small.waiting.size > 0 || this.#large.waiting.size > 0
  }

  /** A place if there is one at once, and nobody has waited for longer. */
  tryEnter(bytes: number): Place | undefined {
    const kind = this.#kindOf(bytes)
    if (kind.waiting.size > 0 || !this.#fits(kind, bytes)) return undefined
    return this.#place(kind, bytes)
  }

  /** A place now or later. @param enter called when it is there, and not before this has returned */
  wait(bytes: number, enter: () => void): Place {
    const kind = this.#kindOf(bytes)
    let place: Place | undefined
    const waiting: Waiting = {
      bytes,
      enter: () => {
        place = this.#place(kind, bytes)
        enter()
      },
    }
    kind.waiting.add(waiting)
    queueMicrotask(() => this.#serve())
    return {
      leave: () => {
        if (place) place.leave()
        // It may have been the one for whom others waited.
        else if (kind.waiting.delete(waiting)) this.#serve()
      },
    }
  }

  #kindOf(bytes: number): Kind {
    return bytes <= this.#limits.smallBytesMax ? this.#small : this.#large
  }

  #fits(kind: Kind, bytes: number): boolean {
    const { bytesMax, smallOnlyBytes } = this.#limits
    if (kind === this.#small) return this.#small.bytes === 0 || this.bytes + bytes <= bytesMax
    if (kind.bytes === 0) return true
    return kind.bytes + bytes <= bytesMax - smallOnlyBytes && this.bytes + bytes <= bytesMax
  }

  #place(kind: Kind, bytes: number): Place {
    kind.bytes += bytes
    let hasLeft = false
    return {
      leave: () => {
        if (hasLeft) return
        hasLeft = true
        kind.bytes -= bytes
        if (this.isPressed) this.#serve()
      },
    }
  }

  #serve(): void {
    for (const kind of [this.#small, this.#large]) {
      for (const waiting of kind.waiting) {
        if (!this.#fits(kind, waiting.bytes)) break
        kind.waiting.delete(waiting)
        waiting.enter()
      }
    }
  }
}
