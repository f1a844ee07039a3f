/** Time. The only way in which anything below an entry point learns of it, so that tests can hold it. */
export interface Clock {
  /**
   * Milliseconds since the epoch, as the machine believes: for what is kept, or compared with what another process has
   * said. Somebody may set it to any other time at any moment.
   */
  nowMs(): number

  /**
   * Milliseconds since some moment of this process's own. Never goes back: for deadlines, pauses and how old something is
   * that this process remembers.
   */
  monotonicMs(): number

  /** Resolves after so many milliseconds, or as soon as `signal` aborts; never rejects. */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void>

  /** Resolves when everything that is ready to run in this turn has run. */
  turn(): Promise<void>
}

type Readings = Pick<Clock, 'nowMs' | 'monotonicMs'>

/**
 * The time as the wall clock would tell it if nobody had set it since now, in milliseconds since the epoch: for what must
 * not become old, or lie in the future, by a step of it.
 */
export function unsetTime(clock: Readings): (monotonicMs?: number) => number {
  const aheadMs = clock.nowMs() - clock.monotonicMs()
  return (monotonicMs = clock.monotonicMs()) => monotonicMs + aheadMs
}

/**
 * What lies behind it is in the future, by the wall clock and also if nobody had set that since now.
 * @returns takes what was just read of the clocks
 */
export function futureTime(clock: Readings): (nowMs?: number, monotonicMs?: number) => number {
  const unsetMs = unsetTime(clock)
  return (nowMs = clock.nowMs(), monotonicMs) => Math.max(nowMs, unsetMs(monotonicMs))
}
