import { createHash } from 'node:crypto'
import type { Clock } from '../../src/ports/clock.ts'

/** Everything that happens in a run, in order: each call to a store with what became of it, and each step of an actor. */
export class History {
  readonly #clock: Clock
  readonly #startMs: number
  readonly #print: ((line: string) => void) | undefined
  readonly #lines: string[] = []

  /** @param print is given every line as it is written, to see a run whole */
  constructor(clock: Clock, print?: (line: string) => void) {
    this.#clock = clock
    this.#startMs = clock.monotonicMs()
    this.#print = print
  }

  note(who: string, what: string): void {
    const line = `${this.#clock.monotonicMs() - this.#startMs} ${who}: ${what}`
    this.#lines.push(line)
    this.#print?.(line)
  }

  /** The same for two runs that went the same way, byte for byte. */
  digest(): string {
    return createHash('sha256').update(this.#lines.join('\n')).digest('hex')
  }
}
