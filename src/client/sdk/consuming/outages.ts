import { TidemarkError } from '../../../core/errors.ts'

/** What a consumer was at when something failed. */
export type ConsumerWork = 'fetch' | 'heartbeat' | 'deliver' | 'commit' | 'leave'

/** Failures in a row that may pass: each kind of work tells its trouble once, and gives up when it lasts too long. */
export class Outages {
  readonly #giveUpAfterMs: number
  readonly #tell: (error: TidemarkError, during: ConsumerWork, of: object) => void
  readonly #sinceMs = new WeakMap<object, number>()
  readonly #told = new Set<ConsumerWork>()

  constructor(giveUpAfterMs: number, tell: (error: TidemarkError, during: ConsumerWork, of: object) => void) {
    this.#giveUpAfterMs = giveUpAfterMs
    this.#tell = tell
  }

  /**
   * @param of what failures count by: each partition's fetches are a row of their own
   * @returns whether to try again
   */
  failed(during: ConsumerWork, of: object, error: unknown): boolean {
    if (!isPassing(error)) return false
    const nowMs = performance.now()
    // From the first failure on: a machine that slept has not failed for long.
    const sinceMs = this.#sinceMs.get(of) ?? nowMs
    this.#sinceMs.set(of, sinceMs)
    if (nowMs - sinceMs > this.#giveUpAfterMs) return false
    if (!this.#told.has(during)) this.#tell(error, during, of)
    this.#told.add(during)
    return true
  }

  passed(during: ConsumerWork, of: object): void {
    this.#sinceMs.delete(of)
    this.#told.delete(during)
  }
}

/** Worth another try: also a broker that broke down over one request. */
export function isPassing(error: unknown): error is TidemarkError {
  return error instanceof TidemarkError && (error.retriable || error.kafkaName === 'UNKNOWN_SERVER_ERROR')
}
