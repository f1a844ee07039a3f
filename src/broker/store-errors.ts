import { TidemarkError } from '../core/errors.ts'
import { NotApplied, OutcomeUnknown } from '../ports/outcome.ts'

/** A store's trouble that no retry below got over, in Kafka's words; any other error as it is. */
export function asTidemarkError(error: unknown): unknown {
  const isTrouble = error instanceof NotApplied || error instanceof OutcomeUnknown
  if (!isTrouble) return error
  const written = error instanceof NotApplied ? 'no' : 'unknown'
  const message = `The store could not be reached (${error.message}). Try again; if it goes on, look at the store.`
  return new TidemarkError('KAFKA_STORAGE_ERROR', message, written, { cause: error })
}
