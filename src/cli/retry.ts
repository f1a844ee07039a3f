import { setTimeout as sleep } from 'node:timers/promises'
import { TidemarkError } from '../core/errors.ts'

export interface RetrySettings {
  /** How long failures may go on before the last one is passed on. */
  forMs: number
  firstPauseMs: number
  pauseMaxMs: number
  /** In [0, 1); handed in, so that a test can repeat a run. */
  random: () => number
  /** Ends the waiting: the last failure is passed on. */
  signal?: AbortSignal
  onRetry?: (error: TidemarkError, pauseMs: number) => void
}

export const RETRY_DEFAULT = { forMs: 30_000, firstPauseMs: 50, pauseMaxMs: 2_000, random: Math.random }

/**
 * Runs `action` again while it fails in a way that another try can mend and that wrote nothing. An outcome
 * that is unknown is never tried again: that could write the records twice.
 */
export async function withRetries<T>(action: () => Promise<T>, settings: RetrySettings): Promise<T> {
  const deadlineMs = performance.now() + settings.forMs
  for (let tries = 0; ; tries++) {
    try {
      return await action()
    } catch (error) {
      const pauseMs = pauseAfter(tries, settings)
      if (!canRetry(error) || performance.now() + pauseMs > deadlineMs || settings.signal?.aborted)
        throw error
      settings.onRetry?.(error, pauseMs)
      await sleep(pauseMs, undefined, settings.signal ? { signal: settings.signal } : {}).catch(() => {
        throw error
      })
    }
  }
}

function pauseAfter(tries: number, { firstPauseMs, pauseMaxMs, random }: RetrySettings): number {
  const pauseMs = Math.min(pauseMaxMs, firstPauseMs * 2 ** tries)
  // Half of it by chance, so that many producers which were throttled together do not come back together.
  return pauseMs / 2 + (pauseMs / 2) * random()
}

function canRetry(error: unknown): error is TidemarkError {
  return (
    error instanceof TidemarkError &&
    error.retriable &&
    error.written === 'no' &&
    // Retriable for Kafka, whose brokers learn of a topic late; ours do not, so it is gone.
    error.kafkaName !== 'UNKNOWN_TOPIC_OR_PARTITION'
  )
}
