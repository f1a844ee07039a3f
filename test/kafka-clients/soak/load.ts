import { setTimeout as sleep } from 'node:timers/promises'
import { seededRandom } from '../../cli/seeded-random.ts'

/** What all loads of a soak share. */
export class Load {
  readonly host = '127.0.0.1'
  readonly port: number
  readonly random: () => number
  /** What has been done so far, by name. */
  readonly counts: Record<string, number> = {}
  /** Of the partitions that are written to, as far as acknowledged. */
  readonly ends: number[] = []
  /** What went wrong that must not: at most some of it. */
  readonly problems: string[] = []
  readonly #ending = new AbortController()

  constructor(port: number, seed: number) {
    this.port = port
    this.random = seededRandom(seed)
  }

  get bootstrap(): string {
    return `${this.host}:${this.port}`
  }

  get isEnding(): boolean {
    return this.#ending.signal.aborted
  }

  end(): void {
    this.#ending.abort()
  }

  count(what: string, by = 1): void {
    this.counts[what] = (this.counts[what] ?? 0) + by
  }

  below(limit: number): number {
    return Math.floor(this.random() * limit)
  }

  /** Ends early where the load ends. */
  async pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#ending.signal }).catch(() => {})
  }

  /** Does the same again and again, with a pause in between. */
  async repeat(pauseMs: number, work: () => Promise<void>): Promise<void> {
    while (!this.isEnding) {
      try {
        await work()
      } catch (error) {
        if (!this.isEnding && this.problems.length < 100)
          this.problems.push(String((error as Error).stack ?? error))
      }
      await this.pause(pauseMs)
    }
  }
}
