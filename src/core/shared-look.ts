/**
 * A look at much, for all who ask while it goes on: one is under way at most, and one more for those who came since it began, who
 * are to see what was there when they asked. However many ask, no more is read.
 */
export class SharedLook<T> {
  readonly #look: () => Promise<T>
  #current: Promise<T> | undefined
  #next: Promise<T> | undefined

  constructor(look: () => Promise<T>) {
    this.#look = look
  }

  run(): Promise<T> {
    if (!this.#current) return this.#begin()
    this.#next ??= this.#current.then(
      () => this.#begin(),
      () => this.#begin(),
    )
    return this.#next
  }

  #begin(): Promise<T> {
    this.#next = undefined
    const current = this.#look().finally(() => {
      if (this.#current === current) this.#current = undefined
    })
    this.#current = current
    return current
  }
}
