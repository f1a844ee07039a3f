import type { Fault, FaultSource } from '../../src/adapters/memory/network.ts'
import type { SeededEntropy } from '../../src/adapters/memory/seeded-entropy.ts'
import type { History } from './history.ts'
import type { SleepyProcess } from './sleepy-process.ts'

const OF_READS: readonly Fault[] = ['slow', 'slow', 'refused', 'crash before']
const OF_WRITES: readonly Fault[] = [
  'slow',
  'refused',
  'lost request',
  'lost answer',
  'lost answer',
  'late',
  'late',
  'duplicate',
  'crash before',
  'crash after',
]
/** The longest is longer than any call goes on. */
const SLEEPS_MS = [
  [100, 2_000],
  [2_000, 6_000],
  [35_000, 45_000],
] as const
/** Where there are nights: longer than an epoch, and than a grace. */
const LONG_SLEEPS_MS = [
  [35_000, 45_000],
  [3_000_000, 15_000_000],
] as const

/** What becomes of one process's calls. */
export interface ProcessFaults extends FaultSource {
  /** Says what the next call is about. */
  about(subject: string): void
}

/** Faults drawn from a seed; how many there are differs from run to run, too. */
export class RandomFaults {
  readonly #random: SeededEntropy
  readonly #history: History
  readonly #share: number
  readonly #sleepsMs: readonly (readonly [number, number])[]
  #isOn = false
  count = 0
  sleeps = 0

  constructor(random: SeededEntropy, history: History, hasNights: boolean) {
    this.#random = random
    this.#history = history
    this.#sleepsMs = hasNights ? [...SLEEPS_MS, ...LONG_SLEEPS_MS] : SLEEPS_MS
    this.#share = random.pick([0.02, 0.1, 0.25])
  }

  start(): void {
    this.#isOn = true
  }

  stop(): void {
    this.#isOn = false
  }

  /** @param sleepShare in how many of its calls the process falls asleep */
  of(process: SleepyProcess, sleepShare: number): ProcessFaults {
    let subject = ''
    return {
      about: next => {
        subject = next
      },
      nextFault: writes => {
        const fault = this.#draw(writes)
        this.#history.note(process.name, fault === 'none' ? subject : `${subject}, ${fault}`)
        if (this.#isOn && sleepShare > 0 && this.#random.fraction() < sleepShare) this.#putToSleep(process)
        return fault
      },
      nextDelayMs: fault => {
        const delayMs = this.#drawDelayMs(fault)
        if (fault === 'slow') process.holdUp(delayMs)
        return delayMs
      },
    }
  }

  #drawDelayMs(fault: Fault): number {
    return fault === 'slow' ? this.#random.integer(50, 3_000) : this.#random.integer(1, 15)
  }

  #draw(writes: boolean): Fault {
    if (!this.#isOn || this.#random.fraction() >= this.#share) return 'none'
    this.count += 1
    return this.#random.pick(writes ? OF_WRITES : OF_READS)
  }

  #putToSleep(process: SleepyProcess): void {
    this.sleeps += 1
    const [minMs, maxMs] = this.#random.pick(this.#sleepsMs)
    const durationMs = this.#random.integer(minMs, maxMs)
    this.#history.note(process.name, `sleeps for ${durationMs} ms`)
    process.fallAsleep(durationMs)
  }
}
