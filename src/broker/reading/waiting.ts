import type { Look, Seen, Tail } from './tail.ts'

/** One who waits at the ends of any number of logs: whatever their number, there is one promise to wait for. */
export class Waiting<Place> {
  readonly untilMs: number
  readonly #signal: AbortSignal | undefined
  readonly #ended: () => void
  readonly #unfollow = new Map<Place, () => void>()
  #news: [Place, Look][] = []
  #wake: (() => void) | undefined
  #isOver: boolean

  /** @param ended called once nobody waits any more */
  constructor(untilMs: number, signal: AbortSignal | undefined, ended: () => void) {
    this.untilMs = untilMs
    this.#signal = signal
    this.#ended = ended
    this.#isOver = signal?.aborted === true
    if (!this.#isOver) signal?.addEventListener('abort', this.stop)
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Waits at this end, too: for a look that sees something else than `seen`, or fails. It comes once. */
  follow(place: Place, tail: Tail, seen: Seen): void {
    if (this.#isOver) return
    const unfollow = tail.follow(seen, look => {
      this.#unfollow.delete(place)
      this.#news.push([place, look])
      this.#wake?.()
    })
    // What is known already was told at once.
    if (this.#news.at(-1)?.[0] !== place) this.#unfollow.set(place, unfollow)
  }

  /** Does not wait there any more. */
  unfollow(place: Place): void {
    this.#unfollow.get(place)?.()
    this.#unfollow.delete(place)
  }

  /** What was told since it was asked last, once there is something; undefined when the wait is over before. */
  async next(): Promise<readonly (readonly [Place, Look])[] | undefined> {
    if (this.#news.length === 0 && !this.#isOver) {
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
      this.#wake = undefined
    }
    const news = this.#news
    this.#news = []
    return news.length > 0 ? news : undefined
  }

  /** Ends the wait. */
  readonly stop = (): void => {
    this.#isOver = true
    this.#wake?.()
  }

  /** To be called whenever nobody waits any more. */
  end(): void {
    this.#isOver = true
    this.#signal?.removeEventListener('abort', this.stop)
    for (const unfollow of this.#unfollow.values()) unfollow()
    this.#unfollow.clear()
    this.#ended()
  }
}
