import type { CallDetails } from '../core/trigger/failure-report.ts'

/** Calls what triggers name. */
export interface FunctionCaller {
  /**
   * Calls a function with an event and waits for its answer, at most `timeoutMs`. It never throws: whatever becomes
   * of the call is an outcome.
   * @param event JSON
   */
  call(target: string, event: string, timeoutMs: number): Promise<CallOutcome>
}

export type CallOutcome =
  /** The function returned; `answer` is what its JSON stands for, undefined where there is none. */
  | { readonly kind: 'answered'; readonly answer: unknown; readonly call: CallDetails }
  /** The function threw, ran out of time or memory, or answered what is no JSON: the batch may be at fault. */
  | { readonly kind: 'failed'; readonly error: string; readonly call: CallDetails }
  /** The function did not get the event: throttled, not there, not permitted, no way to it. The batch is not at fault. */
  | {
      readonly kind: 'not-called'
      readonly reason: 'throttled' | 'unreachable' | 'refused'
      readonly error: string
    }
