import { openSync, readSync } from 'node:fs'

/** Each of the two copies of what a write-ahead log's index begins with. */
const COPY_BYTES = 48

/**
 * What SQLite's processes tell one another of the write-ahead log stands in their shared memory twice, and is written one copy
 * after the other. A process that is stopped in between, for which it needs rare luck, leaves them apart: whoever reads then
 * waits inside SQLite, for ten seconds each time, and with it everything else in this process. Nothing turns that off. So
 * who has met it once looks first whether the copies agree.
 */
export class SharedHeader {
  readonly #path: string
  readonly #copies = Buffer.alloc(2 * COPY_BYTES)
  #file: number | undefined

  /** @param path of the database */
  constructor(path: string) {
    this.#path = path
  }

  /** From now on it is looked at. */
  watch(): void {
    // Never closed: that would give up the locks that this process has on it, SQLite's among them.
    this.#file ??= openSync(`${this.#path}-shm`, 'r')
  }

  /** Whether whoever reads now would wait; false as long as nobody has had to. */
  get isTorn(): boolean {
    if (this.#file === undefined) return false
    readSync(this.#file, this.#copies, 0, this.#copies.length, 0)
    return !this.#copies.subarray(0, COPY_BYTES).equals(this.#copies.subarray(COPY_BYTES))
  }
}
