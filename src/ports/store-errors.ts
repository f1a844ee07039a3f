import { TidemarkError, type Written } from '../core/errors.ts'
import { NotApplied, OutcomeUnknown, StoreFailed } from './outcome.ts'

/**
 * A store's trouble that no retry below got over, in Kafka's words; any other error as it is.
 * @param written what earlier tries may have done
 */
export function asTidemarkError(error: unknown, written: Written = 'no'): unknown {
  if (error instanceof StoreFailed) {
    const outcome = error.isUnsure ? 'unknown' : written
    return new TidemarkError('KAFKA_STORAGE_ERROR', `The store cannot do this: ${error.message}.`, outcome, {
      cause: error,
      retriable: error.mayPass,
    })
  }
  if (error instanceof NotApplied || error instanceof OutcomeUnknown) {
    const message = `The store could not be reached (${error.message}). Try again; if it goes on, look at the store.`
    const outcome = error instanceof OutcomeUnknown ? 'unknown' : written
    return new TidemarkError('KAFKA_STORAGE_ERROR', message, outcome, { cause: error })
  }
  return error
}
