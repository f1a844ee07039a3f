const TIME_DIGITS = 13
const PROCESS_DIGITS = 12
const COUNT_DIGITS = 6
const COUNTS = 16 ** COUNT_DIGITS

/** Of an item's key: the time, the writer, the count. */
const KEY = new RegExp(`^\\d{${TIME_DIGITS}}-([0-9a-f]{${PROCESS_DIGITS}})-[0-9a-f]{${COUNT_DIGITS}}$`)

/**
 * Makes the keys of one writer's items: they sort in the order in which they were made, whatever becomes of the clock. Those of
 * different writers sort by their clocks, more or less.
 */
export class OutboxKeys {
  readonly #writer: string
  #timeMs = 0
  #count = 0

  /** @param id random: 32 hexadecimal digits */
  constructor(id: string) {
    this.#writer = id.slice(0, PROCESS_DIGITS)
  }

  /** @param nowMs milliseconds since the epoch */
  next(nowMs: number): string {
    this.#count += 1
    if (nowMs > this.#timeMs || this.#count === COUNTS) {
      this.#timeMs = Math.max(nowMs, this.#timeMs + 1)
      this.#count = 0
    }
    const time = String(this.#timeMs).padStart(TIME_DIGITS, '0')
    return `${time}-${this.#writer}-${this.#count.toString(16).padStart(COUNT_DIGITS, '0')}`
  }
}

/** Who has written an item; of a key that somebody made in another way, the key itself. */
export function writerOf(key: string): string {
  return KEY.exec(key)?.[1] ?? key
}
