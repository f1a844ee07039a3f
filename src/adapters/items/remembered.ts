/**
 * What items mean, by the bytes that stand there: who reads the same bytes again need not decode them again, whoever has written
 * them. What it remembers is never wrong, since bytes mean the same for ever; values must not be changed.
 */
export class Remembered<T> {
  readonly #bytesMax: number
  readonly #own: (value: T) => T
  /** The least recently used one first. */
  readonly #items = new Map<string, { readonly bytes: Uint8Array; readonly value: T }>()
  #bytes = 0

  /**
   * @param bytesMax of all items' bytes together; what they mean takes some times as much
   * @param own makes of a value one that nobody else can change
   */
  constructor(bytesMax: number, own: (value: T) => T) {
    this.#bytesMax = bytesMax
    this.#own = own
  }

  /** Undefined where it is not known what these bytes mean. */
  find(key: string, bytes: Uint8Array): T | undefined {
    const item = this.#items.get(key)
    return item && Buffer.compare(item.bytes, bytes) === 0 ? item.value : undefined
  }

  /** @param bytes must not change */
  note(key: string, bytes: Uint8Array, value: T): void {
    this.#forget(key)
    this.#items.set(key, { bytes, value: this.#own(value) })
    this.#bytes += bytes.length
    for (const oldest of this.#items.keys()) {
      if (this.#bytes <= this.#bytesMax) return
      this.#forget(oldest)
    }
  }

  #forget(key: string): void {
    this.#bytes -= this.#items.get(key)?.bytes.length ?? 0
    this.#items.delete(key)
  }
}
