import type { ConsumedRecord } from './consumer-options.ts'

/** Whoever gave a record that nobody finished with gets this: it does not count as consumed. */
export class NotConsumed extends Error {
  override readonly name = 'NotConsumed'
}

interface Offer {
  record: ConsumedRecord
  done: () => void
  undone: (error: Error) => void
}

/** Hands records from a handler to a loop, one at a time: giving ends when the loop has finished with the record. */
export class RecordHandoff {
  #offered: Offer[] = []
  #inHand: Offer | undefined
  #taking: (() => void) | undefined
  #isClosed = false
  #failure: { error: unknown } | undefined

  /** @throws NotConsumed when the loop ends before */
  give(record: ConsumedRecord): Promise<void> {
    return new Promise((done, undone) => {
      if (this.#isClosed) return undone(new NotConsumed())
      this.#offered.push({ record, done, undone })
      this.#taking?.()
    })
  }

  /** The next record; undefined when there is no more. @throws what `fail` was told */
  async take(): Promise<ConsumedRecord | undefined> {
    while (this.#offered.length === 0 && !this.#isClosed) {
      await new Promise<void>(resolve => {
        this.#taking = resolve
      })
    }
    if (this.#failure) throw this.#failure.error
    if (this.#isClosed) return undefined
    this.#inHand = this.#offered.shift()
    return this.#inHand?.record
  }

  consumed(): void {
    this.#inHand?.done()
    this.#inHand = undefined
  }

  close(): void {
    this.#isClosed = true
    for (const { undone } of [...this.#offered, ...(this.#inHand ? [this.#inHand] : [])])
      undone(new NotConsumed())
    this.#offered = []
    this.#inHand = undefined
    this.#taking?.()
  }

  fail(error: unknown): void {
    this.#failure ??= { error }
    this.close()
  }
}
