/** Bytes that have to move. */
export interface Transfer {
  /** So many of them in each such time. */
  readonly paceMs: number
  readonly paceBytes: number
  /** Since it began. */
  movedBytes(): number
  /** Called when they do not, once. */
  stop(): void
}

interface Watched {
  readonly transfer: Transfer
  sinceMs: number
  sinceBytes: number
}

/**
 * Whether this process itself stood still, and moved nothing: it was stopped, or held up by its disk.
 * @param sinceMs for how long nobody looked, who looks much more often than a pace is long
 */
export function stoodStill(sinceMs: number, paceMs: number): boolean {
  return sinceMs > paceMs / 2
}

/**
 * Stops what moves too slowly. A byte now and then is no progress, and a pause is none that is shorter than the time that is
 * counted by.
 */
export class Paces {
  readonly #watched = new Set<Watched>()
  #checkedMs = performance.now()

  /** @returns ends it, when all has moved */
  watch(transfer: Transfer): () => void {
    const watched = { transfer, sinceMs: performance.now(), sinceBytes: transfer.movedBytes() }
    this.#watched.add(watched)
    return () => this.#watched.delete(watched)
  }

  /** To be called every now and then: much more often than any pace is long. */
  check(): void {
    const nowMs = performance.now()
    const uncheckedMs = nowMs - this.#checkedMs
    this.#checkedMs = nowMs
    for (const watched of this.#watched) {
      const { transfer, sinceMs, sinceBytes } = watched
      if (nowMs < sinceMs + transfer.paceMs) continue
      const movedBytes = transfer.movedBytes()
      const isSlow = movedBytes < sinceBytes + transfer.paceBytes
      if (isSlow && !stoodStill(uncheckedMs, transfer.paceMs)) {
        this.#watched.delete(watched)
        transfer.stop()
      } else {
        watched.sinceMs = nowMs
        watched.sinceBytes = movedBytes
      }
    }
  }
}
