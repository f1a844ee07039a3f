import type { Fault, FaultSource } from '../../src/adapters/memory/network.ts'
import type { SeededEntropy } from '../../src/adapters/memory/seeded-entropy.ts'

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

/** Faults drawn from a seed; how many there are differs from run to run, too. */
export class RandomFaults implements FaultSource {
  readonly #random: SeededEntropy
  readonly #share: number
  #isOn = false
  count = 0

  constructor(random: SeededEntropy) {
    this.#random = random
    this.#share = random.pick([0.02, 0.1, 0.25])
  }

  start(): void {
    this.#isOn = true
  }

  stop(): void {
    this.#isOn = false
  }

  nextFault(writes: boolean): Fault {
    if (!this.#isOn || this.#random.fraction() >= this.#share) return 'none'
    this.count += 1
    return this.#random.pick(writes ? OF_WRITES : OF_READS)
  }

  nextDelayMs(fault: Fault): number {
    return fault === 'slow' ? this.#random.integer(50, 3_000) : this.#random.integer(1, 15)
  }
}
