import type { VirtualClock } from '../../src/adapters/memory/virtual-clock.ts'
import type { History } from './history.ts'
import type { SleepyProcess } from './sleepy-process.ts'

/** By how much somebody has set the wall clocks of processes ahead: those of all at once, or that of one. */
export class ClockSettings {
  readonly #clock: VirtualClock
  readonly #history: History
  #allAheadMs = 0
  #aheadMs = new Map<SleepyProcess, number>()

  constructor(clock: VirtualClock, history: History) {
    this.#clock = clock
    this.#history = history
  }

  /** How far ahead of the others the clock of one process is. */
  aheadMs(process: SleepyProcess): number {
    return this.#aheadMs.get(process) ?? 0
  }

  /** To so much ahead of what they would show otherwise. */
  setAll(aheadMs: number): void {
    if (aheadMs === this.#allAheadMs) return
    this.#history.note('world', `all clocks are set to ${aheadMs} ms ahead`)
    this.#clock.stepWall(aheadMs - this.#allAheadMs)
    this.#allAheadMs = aheadMs
  }

  set(process: SleepyProcess, aheadMs: number): void {
    this.#history.note(process.name, `its clock is set to ${aheadMs} ms ahead`)
    this.#aheadMs.set(process, aheadMs)
  }

  /** Puts them all right, which is a step like any other. */
  mend(): void {
    this.setAll(0)
    this.#aheadMs = new Map()
  }
}
