/**
 * Time in which this process can have heard and sent something: what it was stopped for is none of that, and no client's
 * fault. To be asked more often than `stepMsMax`.
 */
export class OwnTime {
  readonly #stepMsMax: number
  #ms = 0
  #sinceMs = performance.now()

  constructor(stepMsMax: number) {
    this.#stepMsMax = stepMsMax
  }

  passedMs(): number {
    const sinceMs = this.#sinceMs
    this.#sinceMs = performance.now()
    this.#ms += Math.min(this.#stepMsMax, this.#sinceMs - sinceMs)
    return this.#ms
  }
}
