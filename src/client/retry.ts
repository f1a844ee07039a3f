import type { CallOptions } from '../contract/broker.ts'
import { TidemarkError } from '../core/errors.ts'
import { API_TIMEOUT_MS, CLIENT_TIMEOUT_MS, CLIENT_TIMEOUT_MS_MIN } from '../core/limits.ts'
import { abandonedAt, DeadlinePassed, withDeadline } from './deadline.ts'
import { pause } from './pause.ts'

/** One try of a call. */
export interface TrySettings {
  /** How long it may take; as long as `tryTimeoutMs` says unless it is set. */
  tryMs?: number
  /** Whether it changes nothing. */
  isRead?: boolean
  /** Ends it, and the waiting for the next one: the last failure is passed on. */
  signal?: AbortSignal
}

export interface RetrySettings extends TrySettings {
  /** How long all tries together may take: then the last failure is passed on, and a try under way is ended. */
  forMs: number
  firstPauseMs: number
  pauseMaxMs: number
  /** In [0, 1); handed in, so that a test can repeat a run. */
  random: () => number
  /** Whether the action may be run again although nobody knows what became of it: it has its effect once all the same. */
  isRepeatable?: boolean
  /** Failures that another try could mend, and for which it shall not be made. */
  isGivenUp?: (error: TidemarkError) => boolean
  onRetry?: (error: TidemarkError, pauseMs: number) => void
}

export const RETRY_DEFAULT = {
  forMs: API_TIMEOUT_MS,
  firstPauseMs: 50,
  pauseMaxMs: 2_000,
  random: Math.random,
}

/**
 * How long one try may take: as long as it was asked for, else long enough for a broker that is slow, and half of the
 * time for all tries at most, so that one request that a network swallows leaves time for another one.
 */
export function tryTimeoutMs(allMs: number, askedMs?: number): number {
  if (askedMs !== undefined) return Math.min(askedMs, allMs)
  return Math.min(CLIENT_TIMEOUT_MS, allMs, Math.max(CLIENT_TIMEOUT_MS_MIN, allMs / 2))
}

/**
 * Runs `action` again while it fails in a way that another try can mend and that wrote nothing. An outcome
 * that is unknown is tried again only where that cannot write the records twice. What is passed on in the end says
 * what became of all tries together.
 * @throws TidemarkError REQUEST_TIMED_OUT, written: no, when there is no time for a single try
 */
export async function withRetries<T>(
  action: (call: CallOptions) => Promise<T>,
  settings: RetrySettings,
): Promise<T> {
  const deadlineMs = performance.now() + settings.forMs
  const tryMs = settings.tryMs ?? tryTimeoutMs(settings.forMs)
  let isUnknown = false
  let last: unknown = new TidemarkError(
    'REQUEST_TIMED_OUT',
    'The time for it was up before it could be sent.',
    'no',
  )
  for (let tries = 0; ; tries++) {
    const leftMs = deadlineMs - performance.now()
    if (leftMs <= 0 || settings.signal?.aborted) throw asLast(last, isUnknown)
    try {
      return await tryOnce(action, { ...settings, tryMs: Math.min(tryMs, leftMs) })
    } catch (error) {
      last = error
      if (error instanceof TidemarkError && error.written === 'unknown') isUnknown = true
      const pauseMs = pauseAfter(tries, settings)
      if (!canRetry(error, settings) || performance.now() + pauseMs > deadlineMs)
        throw asLast(error, isUnknown)
      if (settings.signal?.aborted) throw asLast(error, isUnknown)
      settings.onRetry?.(error, pauseMs)
      await pause(pauseMs, settings.signal)
    }
  }
}

/**
 * Waits for one call as long as it may take, also where the broker heeds no signal.
 * @throws TidemarkError REQUEST_TIMED_OUT
 */
export async function tryOnce<T>(
  action: (call: CallOptions) => Promise<T>,
  { tryMs = CLIENT_TIMEOUT_MS, signal: outer, isRead = false }: TrySettings,
): Promise<T> {
  try {
    return await withDeadline(tryMs, outer, signal => abandonedAt(signal, action({ signal })))
  } catch (error) {
    if (error instanceof TidemarkError || !(error instanceof DeadlinePassed || outer?.aborted)) throw error
    const reason = error instanceof DeadlinePassed ? error.message : 'nobody waits for an answer any more'
    const message = `The broker did not answer in time: ${reason}.`
    throw new TidemarkError('REQUEST_TIMED_OUT', message, isRead ? 'no' : 'unknown', { cause: error })
  }
}

/** How long to wait after so many failures in a row. */
export function pauseAfter(
  tries: number,
  { firstPauseMs, pauseMaxMs, random }: Pick<RetrySettings, 'firstPauseMs' | 'pauseMaxMs' | 'random'>,
): number {
  const pauseMs = Math.min(pauseMaxMs, firstPauseMs * 2 ** tries)
  // Half of it by chance, so that many clients which were throttled together do not come back together.
  return pauseMs / 2 + (pauseMs / 2) * random()
}

/** The last try may have written nothing for certain; one before it may have all the same. */
function asLast(error: unknown, isUnknown: boolean): unknown {
  if (!isUnknown || !(error instanceof TidemarkError) || error.written !== 'no') return error
  return new TidemarkError(error.kafkaName, error.message, 'unknown', {
    cause: error,
    retriable: error.retriable,
  })
}

/** Whether a topic, a partition of it, or the one that had this id is not there. */
export function isTopicGone(error: unknown): boolean {
  if (!(error instanceof TidemarkError)) return false
  return error.kafkaName === 'UNKNOWN_TOPIC_OR_PARTITION' || error.kafkaName === 'UNKNOWN_TOPIC_ID'
}

function canRetry(
  error: unknown,
  { isRepeatable = false, isRead = false, isGivenUp }: RetrySettings,
): error is TidemarkError {
  return (
    error instanceof TidemarkError &&
    error.retriable &&
    (error.written === 'no' || (error.written === 'unknown' && (isRepeatable || isRead))) &&
    // Retriable for Kafka, whose brokers learn of a topic late; ours do not.
    !isTopicGone(error) &&
    !isGivenUp?.(error)
  )
}
