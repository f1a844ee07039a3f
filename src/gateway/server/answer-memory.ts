import { TidemarkError } from '../../core/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Place, Room } from './room.ts'

/** The memory that one answer has, from before it is read until the client has taken it. */
export class AnswerMemory {
  readonly #room: Room
  readonly #clock: Clock
  readonly #waitMs: number
  readonly #places: Place[] = []
  #isOver = false

  constructor(room: Room, clock: Clock, waitMs: number) {
    this.#room = room
    this.#clock = clock
    this.#waitMs = waitMs
  }

  /** @throws THROTTLING_QUOTA_EXCEEDED where it took too long */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    if (this.#isOver || bytes <= 0) return
    const place = this.#room.tryEnter(bytes)
    if (place) {
      this.#places.push(place)
      return
    }
    const waiting = new AbortController()
    const giveUp = () => waiting.abort()
    signal.addEventListener('abort', giveUp)
    let isIn = false
    const later = this.#room.wait(bytes, () => {
      isIn = true
      waiting.abort()
    })
    this.#places.push(later)
    if (!signal.aborted) await this.#clock.sleep(this.#waitMs, waiting.signal)
    signal.removeEventListener('abort', giveUp)
    if (isIn) return
    later.leave()
    throw new TidemarkError(
      'THROTTLING_QUOTA_EXCEEDED',
      'Too much is being read right now, or sent to clients that do not take it. Try again later.',
    )
  }

  leave(): void {
    this.#isOver = true
    for (const place of this.#places) place.leave()
    this.#places.length = 0
  }
}
