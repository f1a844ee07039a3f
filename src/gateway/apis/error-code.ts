import { type KafkaErrorName, TidemarkError } from '../../core/errors.ts'

/** Kafka's number for "nothing is wrong". */
export const NONE = 0

export interface ApiError {
  readonly errorCode: number
  readonly errorMessage: string
}

/** What an answer says of an error of the broker; any other error is a bug, and goes on its way. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof TidemarkError) return { errorCode: error.kafkaNumber, errorMessage: error.message }
  throw error
}

/** As `toApiError`, for what only the gateway refuses. */
export function apiError(name: KafkaErrorName, message: string): ApiError {
  return toApiError(new TidemarkError(name, message))
}

export function codeOf(name: KafkaErrorName): number {
  return apiError(name, '').errorCode
}
