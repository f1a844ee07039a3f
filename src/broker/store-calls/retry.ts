import { TidemarkError, type Written } from '../../core/errors.ts'
import { BACKOFF_FIRST_MS, BACKOFF_MS_MAX, LAST_STEP_MS_MAX } from '../../core/limits.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Entropy } from '../../ports/entropy.ts'
import type { Ports } from '../../ports/index.ts'
import { NotApplied, OutcomeUnknown } from '../../ports/outcome.ts'
import { asTidemarkError } from '../../ports/store-errors.ts'

/** How long to wait before the next try: exponential, with full jitter, so that writers do not march in step. */
function backoffMs(failures: number, entropy: Entropy): number {
  return entropy.fraction() * Math.min(BACKOFF_MS_MAX, BACKOFF_FIRST_MS * 2 ** failures)
}

/** Whether another try may help: the store said so, or nobody knows what became of this one. */
export function isTransient(error: unknown): error is NotApplied | OutcomeUnknown {
  return error instanceof NotApplied || error instanceof OutcomeUnknown
}

/** What a step is repeated with. */
export type Retrying = Pick<Ports, 'clock' | 'entropy' | 'ending'>

/**
 * Waits for the next try, if there is to be one.
 * @returns false where it would come after the deadline, or nothing is tried again any more
 */
export async function pauseBeforeRetry(
  { clock, entropy, ending }: Retrying,
  failures: number,
  deadlineMs: number,
): Promise<boolean> {
  const pauseMs = backoffMs(failures, entropy)
  if (ending?.aborted || clock.monotonicMs() + pauseMs >= deadlineMs) return false
  await clock.sleep(pauseMs, ending)
  return true
}

const IN_TIME = 'it came in time'

/**
 * A step's result, if it comes in time: until a little past the deadline, since a step that was begun just before it
 * may well succeed. What comes later goes on, and nobody hears of it.
 * @throws OutcomeUnknown where it is late
 */
export async function inTime<T>(
  clock: Clock,
  deadlineMs: number,
  step: Promise<T>,
  lastStepMs = LAST_STEP_MS_MAX,
): Promise<T> {
  const settled = new AbortController()
  const late = clock.sleep(deadlineMs + lastStepMs - clock.monotonicMs(), settled.signal).then(() => {
    if (settled.signal.aborted) return step
    throw new OutcomeUnknown('it goes on for longer than there is time')
  })
  try {
    return await Promise.race([step, late])
  } finally {
    // Without a reason, one is made each time, with a stack.
    settled.abort(IN_TIME)
  }
}

/**
 * Repeats a step that may be repeated whatever became of it, until it settles or the deadline passes. None is begun
 * after the deadline, and none is waited for long after it: several that are slow and succeed keep it, too.
 * @param step is told whether an earlier try of it may have done something
 * @param written for the error: as given, or as it is by then
 * @throws TidemarkError REQUEST_TIMED_OUT at the deadline
 */
export async function retryUntil<T>(
  ports: Retrying,
  deadlineMs: number,
  written: Written | WrittenSoFar,
  step: (isUnsure: boolean) => Promise<T>,
): Promise<T> {
  const sofar = typeof written === 'string' ? { written } : written
  let isUnsure = false
  /** Of the try before, which is why there is no time left. */
  let failure: Error = new NotApplied('its time is over')
  for (let failures = 0; ; failures += 1) {
    if (ports.clock.monotonicMs() >= deadlineMs) throw timedOut(failure, sofar.written)
    try {
      const result = await inTime(ports.clock, deadlineMs, step(isUnsure))
      sofar.isWritten?.()
      return result
    } catch (error) {
      if (error instanceof OutcomeUnknown) {
        isUnsure = true
        sofar.isWritten?.()
      }
      if (!isTransient(error)) throw asTidemarkError(error, sofar.written)
      if (!(await pauseBeforeRetry(ports, failures, deadlineMs))) throw timedOut(error, sofar.written)
      failure = error
    }
  }
}

/** What the steps of one call may have written by now, for the error that one of them ends in. */
export class WrittenByCall implements WrittenSoFar {
  written: Written = 'no'

  isWritten(): void {
    this.written = 'unknown'
  }
}

/** What may have been written by now. */
export interface WrittenSoFar {
  readonly written: Written
  /** Takes note that the step may have written something. Not given: that makes no difference. */
  isWritten?(): void
}

export function timedOut(cause: Error, written: Written): TidemarkError {
  return new TidemarkError(
    'REQUEST_TIMED_OUT',
    `The store did not do it in time (${cause.message}). Try again; if it goes on, look at the store.`,
    written,
    { cause },
  )
}
