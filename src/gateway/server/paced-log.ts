import type { Log } from './service.ts'

/** Tells what clients cause, so many lines at once at most: who is told of everything could have his disk filled by anybody. */
export class PacedLog {
  readonly #log: Log
  readonly #linesMax: number
  #told = 0
  #untold = 0
  #lastUntold = ''

  constructor(log: Log, linesMax: number) {
    this.#log = log
    this.#linesMax = linesMax
  }

  readonly tell: Log = line => {
    if (this.#told < this.#linesMax) {
      this.#told++
      this.#log(line)
    } else {
      this.#untold++
      this.#lastUntold = line
    }
  }

  /** Lets others be told, and tells how many were not. To be called every now and then. */
  renew(): void {
    this.#told = 0
    if (this.#untold === 0) return
    const [untold, last] = [this.#untold, this.#lastUntold]
    this.#untold = 0
    this.#lastUntold = ''
    this.#log(untold === 1 ? last : `${untold} lines more, the last of them: ${last}`)
  }
}
