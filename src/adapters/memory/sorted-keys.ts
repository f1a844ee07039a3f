import { compareKeys } from '../../core/key-order.ts'

/** Keys in the order of their UTF-8 bytes. One that is added or removed moves those behind it, which memory does fast. */
export class SortedKeys {
  readonly #keys: string[] = []

  /** The key must not be there yet. */
  add(key: string): void {
    this.#keys.splice(this.#countBelow(key), 0, key)
  }

  /** The key must be there. */
  remove(key: string): void {
    this.#keys.splice(this.#countBelow(key), 1)
  }

  /** From `start` to below `end`, at most `limit`. */
  range(start: string, end: string, limit = Number.POSITIVE_INFINITY): string[] {
    const first = this.#countBelow(start)
    return this.#keys.slice(first, Math.min(this.#countBelow(end), first + limit))
  }

  /** The last from `first` to `last`, both included. */
  lastUpTo(first: string, last: string): string | undefined {
    const below = this.#countBelow(last)
    const key = this.#keys[this.#keys[below] === last ? below : below - 1]
    return key !== undefined && compareKeys(key, first) >= 0 ? key : undefined
  }

  #countBelow(key: string): number {
    let low = 0
    let high = this.#keys.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compareKeys(this.#keys[middle]!, key) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}
