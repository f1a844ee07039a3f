import { FUNCTION_RESERVE_MS, LAST_STEP_MS_MAX } from '../../src/core/limits.ts'
import type { Clock } from '../../src/ports/clock.ts'

/** What Lambda says about an invocation, as far as it is looked at. */
export interface InvocationContext {
  readonly awsRequestId: string
  getRemainingTimeInMillis(): number
}

/** What is called with events of whatever kind, and answers nothing. */
export type EventFunction = (event: unknown, context: InvocationContext) => Promise<void>

/** Until when an invocation may begin something: the last step, and what follows, take some of its time, too. */
export function deadlineMsOf(
  context: InvocationContext,
  clock: Clock,
  reserveMs = LAST_STEP_MS_MAX + FUNCTION_RESERVE_MS,
): number {
  return clock.monotonicMs() + context.getRemainingTimeInMillis() - reserveMs
}
