import type { Reading } from './reading/reading.ts'

type Made = ConstructorParameters<typeof Reading>

let loading: Promise<typeof import('./reading/reading.ts')> | undefined

/**
 * Loads what reads records, once in a process: one that only produces does without, and what a function loads is paid for
 * with every cold start.
 */
export function loadReading(): Promise<typeof import('./reading/reading.ts')> {
  loading ??= import('./reading/reading.ts')
  return loading
}

/** The part of a broker that reads; nothing is made before somebody does. */
export class LazyReading {
  readonly #made: Made
  #reading: Reading | undefined
  #isClosed = false

  constructor(...made: Made) {
    this.#made = made
  }

  /** Undefined until somebody has read something. */
  get opened(): Reading | undefined {
    return this.#reading
  }

  open(): Reading | Promise<Reading> {
    return this.#reading ?? this.#open()
  }

  close(): void {
    this.#isClosed = true
    this.#reading?.close()
  }

  async #open(): Promise<Reading> {
    const { Reading } = await loadReading()
    this.#reading ??= new Reading(...this.#made)
    if (this.#isClosed) this.#reading.close()
    return this.#reading
  }
}
