import { SimulatedProcess } from '../../src/adapters/memory/network.ts'
import type { Clock } from '../../src/ports/clock.ts'

/** A process that can stop for a long time between any two steps, and then goes on as if nothing had been. */
export class SleepyProcess extends SimulatedProcess {
  readonly name: string
  readonly #clock: Clock
  #asleep: Promise<void> | undefined
  #sleepsUntilMs = Number.NEGATIVE_INFINITY

  constructor(name: string, clock: Clock) {
    super()
    this.name = name
    this.#clock = clock
  }

  get isAsleep(): boolean {
    return this.isAlive && this.#asleep !== undefined
  }

  /** Whether it has slept at any time from then on, by the monotonic clock: it could not do everything in time. */
  hasSleptSince(ms: number): boolean {
    return this.#sleepsUntilMs >= ms
  }

  /** Stops for so long: what it hears meanwhile it gets to know when it wakes up. */
  fallAsleep(durationMs: number): void {
    const asleep = this.#clock.sleep(durationMs).then(() => {
      if (this.#asleep === asleep) this.#asleep = undefined
    })
    this.#asleep = asleep
    this.#sleepsUntilMs = Math.max(this.#sleepsUntilMs, this.#clock.monotonicMs() + durationMs)
  }

  override async receive<T>(value: Promise<T>): Promise<T> {
    try {
      return await value
    } finally {
      while (this.isAsleep) await this.#asleep
      if (!this.isAlive) await new Promise(() => {})
    }
  }
}
