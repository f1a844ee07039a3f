/** Chunks in one piece of memory, which the next ones come into when they have been taken. It grows as far as it must. */
export class Gathered {
  #memory = new Uint8Array()
  #length = 0

  /** Of what is in it. */
  get length(): number {
    return this.#length
  }

  add(chunk: Uint8Array): void {
    const length = this.#length + chunk.length
    if (length > this.#memory.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.#memory.length))
      grown.set(this.#memory.subarray(0, this.#length))
      this.#memory = grown
    }
    this.#memory.set(chunk, this.#length)
    this.#length = length
  }

  /** All of it, as it is until something is added again. */
  take(): Uint8Array {
    const taken = this.#memory.subarray(0, this.#length)
    this.#length = 0
    return taken
  }
}
