import { FUNCTION_RESERVE_MS } from '../../src/core/limits.ts'
import type { Clock } from '../../src/ports/clock.ts'

/** What Lambda says about an invocation, as far as it is looked at. */
export interface InvocationContext {
  readonly awsRequestId: string
  getRemainingTimeInMillis(): number
}

/** What is called with events of whatever kind, and answers nothing. */
export type EventFunction = (event: unknown, context: InvocationContext) => Promise<void>

/** Until when an invocation may work: what follows takes a little of its time, too. */
export function deadlineMsOf(
  context: InvocationContext,
  clock: Clock,
  reserveMs = FUNCTION_RESERVE_MS,
): number {
  return clock.nowMs() + context.getRemainingTimeInMillis() - reserveMs
}
