import { SimulatedProcess } from '../../src/adapters/memory/network.ts'
import type { Clock } from '../../src/ports/clock.ts'

/** A process that can stop for a long time between any two steps, and then goes on as if nothing had been. */
export class SleepyProcess extends SimulatedProcess {
  readonly name: string
  readonly #clock: Clock
  #asleep: Promise<void> | undefined
  #sleepsUntilMs = Number.NEGATIVE_INFINITY
  #heldUpMs = 0
  #heldUpUntilMs = Number.NEGATIVE_INFINITY

  constructor(name: string, clock: Clock) {
    super()
    this.name = name
    this.#clock = clock
  }

  get isAsleep(): boolean {
    return this.isAlive && this.#asleep !== undefined
  }

  /** Stops for so long: what it hears meanwhile it gets to know when it wakes up. One that sleeps already wakes up no earlier. */
  fallAsleep(durationMs: number): void {
    const untilMs = this.#clock.monotonicMs() + durationMs
    if (untilMs <= this.#sleepsUntilMs) return
    this.#sleepsUntilMs = untilMs
    this.holdUp(durationMs)
    const asleep = this.#clock.sleep(durationMs).then(() => {
      if (this.#asleep === asleep) this.#asleep = undefined
    })
    this.#asleep = asleep
  }

  /** Takes note that it does not get on for so long, or not with everything. */
  holdUp(durationMs: number): void {
    const nowMs = this.#clock.monotonicMs()
    const sinceMs = Math.max(nowMs, this.#heldUpUntilMs)
    this.#heldUpUntilMs = Math.max(sinceMs, nowMs + durationMs)
    this.#heldUpMs += this.#heldUpUntilMs - sinceMs
  }

  /** For how long it has been held up until now: asleep, or with a call under way that takes long. */
  get heldUpMs(): number {
    return this.#heldUpMs - Math.max(0, this.#heldUpUntilMs - this.#clock.monotonicMs())
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
