import { WAKE_UP_RESERVE_MS } from '../../src/core/limits.ts'
import type { Clock } from '../../src/ports/clock.ts'

export interface MessageQueue {
  /** Hides a message, and with it its lane, for so long from now on. */
  hide(receipt: string, forMs: number): Promise<void>
}

/** A message that others do not get while it is worked on, and get again soon after whoever works on it has died. */
export class HiddenMessage {
  readonly #queue: MessageQueue
  readonly #receipt: string
  readonly #clock: Clock
  #untilMs = 0
  #last: Promise<void> = Promise.resolve()

  constructor(queue: MessageQueue, receipt: string, clock: Clock) {
    this.#queue = queue
    this.#receipt = receipt
    this.#clock = clock
  }

  /** One after the other, since what the queue hears last is what counts. @throws what the queue throws */
  hide(forMs: number): Promise<void> {
    const hiding = this.#last.then(async () => {
      const sinceMs = this.#clock.monotonicMs()
      await this.#queue.hide(this.#receipt, forMs)
      this.#untilMs = sinceMs + forMs
    })
    // Whoever asked for it hears of the failure; it does not keep the next one from trying.
    this.#last = hiding.catch(() => {})
    return hiding
  }

  /** Keeps it hidden until the signal, also where reading alone takes long: filters can pass over most of a log. */
  async keep(signal: AbortSignal, onTrouble: (error: unknown) => void): Promise<void> {
    while (!signal.aborted) {
      await this.#clock.sleep(WAKE_UP_RESERVE_MS / 2, signal)
      const isShort = this.#untilMs - this.#clock.monotonicMs() < WAKE_UP_RESERVE_MS
      if (signal.aborted || !isShort) continue
      try {
        await this.hide(WAKE_UP_RESERVE_MS)
      } catch (error) {
        onTrouble(error)
      }
    }
  }
}
