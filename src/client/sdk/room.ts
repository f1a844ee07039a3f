import { TidemarkError } from '../../core/errors.ts'

/** Bounded memory: who wants more than is free waits for it, in the order of coming. */
export class Room {
  #free: number
  readonly #size: number
  readonly #waiting: { bytes: number; enter: () => void }[] = []

  constructor(bytes: number) {
    this.#size = bytes
    this.#free = bytes
  }

  tryTake(bytes: number): boolean {
    // One that is larger than all the room gets in alone, or it could never be sent.
    if (this.#waiting.length > 0 || (bytes > this.#free && this.#free < this.#size)) return false
    this.#free -= bytes
    return true
  }

  /** @throws TidemarkError REQUEST_TIMED_OUT when there is no room for `waitMs` */
  take(bytes: number, waitMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting = {
        bytes,
        enter: () => {
          clearTimeout(timer)
          resolve()
        },
      }
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
        const message = `There was no room for more records for ${waitMs} ms: the broker takes them too slowly.`
        reject(new TidemarkError('REQUEST_TIMED_OUT', message))
        this.#admit()
      }, waitMs)
      this.#waiting.push(waiting)
      this.#admit()
    })
  }

  giveBack(bytes: number): void {
    this.#free += bytes
    this.#admit()
  }

  #admit(): void {
    for (;;) {
      const next = this.#waiting[0]
      if (!next || (next.bytes > this.#free && this.#free < this.#size)) return
      this.#waiting.shift()
      this.#free -= next.bytes
      next.enter()
    }
  }
}
