import type { OwnTime } from './own-time.ts'

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
 * Stops what moves too slowly. A byte now and then is no progress, and a pause is none that is shorter than the time that is
 * counted by.
 */
export class Paces {
  readonly #time: OwnTime
  readonly #watched = new Set<Watched>()

  constructor(time: OwnTime) {
    this.#time = time
  }

  /** @returns ends it, when all has moved */
  watch(transfer: Transfer): () => void {
    const watched = { transfer, sinceMs: this.#time.passedMs(), sinceBytes: transfer.movedBytes() }
    this.#watched.add(watched)
    return () => this.#watched.delete(watched)
  }

  /** To be called every now and then: much more often than any pace is long. */
  check(): void {
    const nowMs = this.#time.passedMs()
    for (const watched of this.#watched) {
      const { transfer, sinceMs, sinceBytes } = watched
      if (nowMs < sinceMs + transfer.paceMs) continue
      const movedBytes = transfer.movedBytes()
      if (movedBytes < sinceBytes + transfer.paceBytes) {
        this.#watched.delete(watched)
        transfer.stop()
      } else {
        watched.sinceMs = nowMs
        watched.sinceBytes = movedBytes
      }
    }
  }
}
