import { type KafkaErrorName, TidemarkError } from '../../core/errors.ts'

/** Kafka's number for "nothing is wrong". */
export const NONE = 0

export interface ApiError {
  readonly errorCode: number
  readonly errorMessage: string
}

/** Messages quote what was asked for; but a string on the wire has 32,767 bytes at most, and nobody reads as many. */
const MESSAGE_CHARACTERS_MAX = 2_000

/** What an answer says of an error of the broker; any other error is a bug, and goes on its way. */
export function toApiError(error: unknown): ApiError {
  if (!(error instanceof TidemarkError)) throw error
  const { kafkaNumber: errorCode, message } = error
  if (message.length <= MESSAGE_CHARACTERS_MAX) return { errorCode, errorMessage: message }
  return { errorCode, errorMessage: `${message.slice(0, MESSAGE_CHARACTERS_MAX)}…` }
}

/** As `toApiError`, for what only the gateway refuses. */
export function apiError(name: KafkaErrorName, message: string): ApiError {
  return toApiError(new TidemarkError(name, message))
}

export function codeOf(name: KafkaErrorName): number {
  return apiError(name, '').errorCode
}
