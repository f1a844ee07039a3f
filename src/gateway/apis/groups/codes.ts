import type { CommittedPartition } from '../../../contract/groups.ts'
import { isKafkaErrorName, type KafkaErrorName, TidemarkError } from '../../../core/errors.ts'
import { type ApiError, codeOf, NONE, toApiError } from '../error-code.ts'

/**
 * What clients take for a coordinator that will be there again: they ask anew. Of what a store says itself they know nothing here, and
 * would give up.
 */
const PASSING: readonly KafkaErrorName[] = [
  'REQUEST_TIMED_OUT',
  'KAFKA_STORAGE_ERROR',
  'THROTTLING_QUOTA_EXCEEDED',
  'BROKER_NOT_AVAILABLE',
]

/** As `toApiError`, in the words that clients know of groups. */
export function toGroupError(error: unknown): ApiError {
  if (error instanceof TidemarkError && PASSING.includes(error.kafkaName)) {
    return { errorCode: codeOf('COORDINATOR_NOT_AVAILABLE'), errorMessage: error.message }
  }
  return toApiError(error)
}

/** What an answer says of one partition. */
export function codeOfName(error: CommittedPartition['error']): number {
  if (error === null) return NONE
  const name = isKafkaErrorName(error.kafkaName) ? error.kafkaName : 'UNKNOWN_SERVER_ERROR'
  return toGroupError(new TidemarkError(name, error.message)).errorCode
}
