/** Time. The only way in which anything below an entry point learns of it, so that tests can hold it. */
export interface Clock {
  /** Milliseconds since the epoch. */
  nowMs(): number

  /** Resolves after so many milliseconds, or as soon as `signal` aborts; never rejects. */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void>

  /** Resolves when everything that is ready to run in this turn has run. */
  turn(): Promise<void>
}
