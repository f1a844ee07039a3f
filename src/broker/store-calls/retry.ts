import { TidemarkError, type Written } from '../../core/errors.ts'
import { BACKOFF_FIRST_MS, BACKOFF_MS_MAX, LAST_STEP_MS_MAX } from '../../core/limits.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Entropy } from '../../ports/entropy.ts'
import { NotApplied, OutcomeUnknown } from '../../ports/outcome.ts'
import { asTidemarkError } from './store-errors.ts'

/** How long to wait before the next try: exponential, with full jitter, so that writers do not march in step. */
export function backoffMs(failures: number, entropy: Entropy): number {
  return entropy.fraction() * Math.min(BACKOFF_MS_MAX, BACKOFF_FIRST_MS * 2 ** failures)
}

/** Whether another try may help: the store said so, or nobody knows what became of this one. */
export function isTransient(error: unknown): error is NotApplied | OutcomeUnknown {
  return error instanceof NotApplied || error instanceof OutcomeUnknown
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
 * @throws TidemarkError REQUEST_TIMED_OUT at the deadline, with `written` as given
 */
export async function retryUntil<T>(
  ports: { clock: Clock; entropy: Entropy },
  deadlineMs: number,
  written: Written,
  step: (isUnsure: boolean) => Promise<T>,
): Promise<T> {
  let isUnsure = false
  for (let failures = 0; ; failures += 1) {
    if (ports.clock.monotonicMs() >= deadlineMs) throw timedOut(new NotApplied('its time is over'), written)
    try {
      return await inTime(ports.clock, deadlineMs, step(isUnsure))
    } catch (error) {
      if (error instanceof OutcomeUnknown) isUnsure = true
      if (!isTransient(error)) throw asTidemarkError(error, written)
      const pauseMs = backoffMs(failures, ports.entropy)
      if (ports.clock.monotonicMs() + pauseMs >= deadlineMs) throw timedOut(error, written)
      await ports.clock.sleep(pauseMs)
    }
  }
}

export function timedOut(cause: Error, written: Written): TidemarkError {
  return new TidemarkError(
    'REQUEST_TIMED_OUT',
    `The store did not do it in time (${cause.message}). Try again; if it goes on, look at the store.`,
    written,
    { cause },
  )
}
