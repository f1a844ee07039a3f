import { TidemarkError, type Written } from '../../core/errors.ts'
import { BACKOFF_FIRST_MS, BACKOFF_MS_MAX } from '../../core/limits.ts'
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

/**
 * Repeats a step that may be repeated whatever became of it, until it settles or the deadline passes.
 * @throws TidemarkError REQUEST_TIMED_OUT at the deadline, with `written` as given
 */
export async function retryUntil<T>(
  ports: { clock: Clock; entropy: Entropy },
  deadlineMs: number,
  written: Written,
  step: () => Promise<T>,
): Promise<T> {
  for (let failures = 0; ; failures += 1) {
    try {
      return await step()
    } catch (error) {
      if (!isTransient(error)) throw asTidemarkError(error, written)
      const pauseMs = backoffMs(failures, ports.entropy)
      if (ports.clock.nowMs() + pauseMs >= deadlineMs) throw timedOut(error, written)
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
