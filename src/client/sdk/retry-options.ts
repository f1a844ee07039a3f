import { type RetrySettings, tryTimeoutMs } from '../retry.ts'

/** How often and how long to try again: KafkaJS's names, all in milliseconds. */
export interface RetryOptions {
  /** The longest pause: 30,000. */
  maxRetryTime?: number
  /** The first pause: 300. */
  initialRetryTime?: number
  /** How many tries of a message after the first; 5. Requests are repeated until their deadline. */
  retries?: number
  /** Asked when a consumer has tried often enough, or cannot go on: whether it shall. */
  restartOnFailure?: (error: Error) => Promise<boolean>
}

const INITIAL_RETRY_MS = 100
const RETRY_PAUSE_MS_MAX = 2_000

/** What `restartOnFailure` says; no where it fails itself, and `unasked` where nobody gave it. */
export async function mayRestart(
  ask: RetryOptions['restartOnFailure'],
  error: Error,
  unasked: boolean,
): Promise<boolean> {
  if (!ask) return unasked
  try {
    return await ask(error)
  } catch {
    // What went wrong first is told.
    return false
  }
}

/**
 * For requests, which are repeated for `forMs`.
 * @param requestTimeoutMs how long one of them may take, if somebody said so
 */
export function requestRetries(
  { maxRetryTime = RETRY_PAUSE_MS_MAX, initialRetryTime = INITIAL_RETRY_MS }: RetryOptions,
  forMs: number,
  requestTimeoutMs?: number,
): RetrySettings & { tryMs: number } {
  return {
    forMs,
    tryMs: tryTimeoutMs(forMs, requestTimeoutMs),
    firstPauseMs: initialRetryTime,
    pauseMaxMs: Math.max(maxRetryTime, initialRetryTime),
    random: Math.random,
  }
}
