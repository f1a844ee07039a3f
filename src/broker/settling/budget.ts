import { TidemarkError } from '../../core/errors.ts'
import type { Clock } from '../../ports/clock.ts'

/** How much of this process whoever settles may take. */
export interface Budget {
  /** By the monotonic clock: no step begins after it, and what is half done then can be gone on with. */
  readonly deadlineMs: number
  /**
   * By the monotonic clock: by then a pass of the cleaner has to know what it takes, or there is no time left to make anything of
   * it. Left out: another run has more time.
   */
  readonly mapUntilMs?: number
  /**
   * Called between pieces of work, each a MiB or so, with the bytes that were read or written since the last call: whoever
   * settles beside traffic waits here.
   */
  pace(bytes: number): Promise<void>
}

/** All of a process, until then. */
export function untilDeadline(deadlineMs: number): Budget {
  return { deadlineMs, pace: async () => {} }
}

/** By when a pass has to know what it takes, where no run has more time than this one: half of it is left to make it. */
export function halfwayMs(clock: Clock, deadlineMs: number): number {
  const nowMs = clock.monotonicMs()
  return nowMs + (deadlineMs - nowMs) / 2
}

/** There is no time left for another piece of work. Nothing is lost: the next run goes on. */
export class TimeIsOver extends Error {
  override readonly name = 'TimeIsOver'
}

/** @throws TimeIsOver */
export function checkTime(clock: Clock, { deadlineMs }: Budget): void {
  if (clock.monotonicMs() >= deadlineMs) throw new TimeIsOver('the time for this run is over')
}

/** Whether an error says only that a run's time was over. */
export function isTimeOver(error: unknown): boolean {
  return (
    error instanceof TimeIsOver || (error instanceof TidemarkError && error.kafkaName === 'REQUEST_TIMED_OUT')
  )
}
