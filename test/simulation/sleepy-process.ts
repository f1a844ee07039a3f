import { SimulatedProcess } from '../../src/adapters/memory/network.ts'
import type { Clock } from '../../src/ports/clock.ts'

/** A process that can stop for a long time between any two steps, and then goes on as if nothing had been. */
export class SleepyProcess extends SimulatedProcess {
  readonly name: string
  readonly #clock: Clock
  #asleep: Promise<void> | undefined

  constructor(name: string, clock: Clock) {
    super()
    this.name = name
    this.#clock = clock
  }

  get isAsleep(): boolean {
    return this.isAlive && this.#asleep !== undefined
  }

  /** Stops for so long: what it hears meanwhile it gets to know when it wakes up. */
  fallAsleep(durationMs: number): void {
    const asleep = this.#clock.sleep(durationMs).then(() => {
      if (this.#asleep === asleep) this.#asleep = undefined
    })
    this.#asleep = asleep
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
