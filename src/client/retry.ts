import { TidemarkError } from '../core/errors.ts'
import { pause } from './pause.ts'

export interface RetrySettings {
  /** How long failures may go on before the last one is passed on. */
  forMs: number
  firstPauseMs: number
  pauseMaxMs: number
  /** In [0, 1); handed in, so that a test can repeat a run. */
  random: () => number
  /** Whether the action may be run again although nobody knows what became of it: it has its effect once all the same. */
  isRepeatable?: boolean
  /** Ends the waiting: the last failure is passed on. */
  signal?: AbortSignal
  onRetry?: (error: TidemarkError, pauseMs: number) => void
}

export const RETRY_DEFAULT = { forMs: 30_000, firstPauseMs: 50, pauseMaxMs: 2_000, random: Math.random }

/**
 * Runs `action` again while it fails in a way that another try can mend and that wrote nothing. An outcome
 * that is unknown is tried again only where that cannot write the records twice. What is passed on in the end says
 * what became of all tries together.
 */
export async function withRetries<T>(action: () => Promise<T>, settings: RetrySettings): Promise<T> {
  const deadlineMs = performance.now() + settings.forMs
  let isUnknown = false
  for (let tries = 0; ; tries++) {
    try {
      return await action()
    } catch (error) {
      if (error instanceof TidemarkError && error.written === 'unknown') isUnknown = true
      const pauseMs = pauseAfter(tries, settings)
      const isOver = performance.now() + pauseMs > deadlineMs || settings.signal?.aborted
      if (!canRetry(error, settings) || isOver) throw asLast(error, isUnknown)
      settings.onRetry?.(error, pauseMs)
      await pause(pauseMs, settings.signal)
      if (settings.signal?.aborted) throw asLast(error, isUnknown)
    }
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

function canRetry(error: unknown, { isRepeatable = false }: RetrySettings): error is TidemarkError {
  return (
    error instanceof TidemarkError &&
    error.retriable &&
    (error.written === 'no' || (error.written === 'unknown' && isRepeatable)) &&
    // Retriable for Kafka, whose brokers learn of a topic late; ours do not, so it is gone.
    error.kafkaName !== 'UNKNOWN_TOPIC_OR_PARTITION' &&
    error.kafkaName !== 'UNKNOWN_TOPIC_ID'
  )
}
