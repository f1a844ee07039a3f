import type * as z from 'zod'
import { type KafkaErrorName, TidemarkError } from '../../../core/errors.ts'
import type { ProblemAnswer } from '../schemas/problem.ts'

export type Problem = z.infer<typeof ProblemAnswer>

type ProblemExtension = Partial<Pick<Problem, 'records' | 'retriable'>>

/** An error that the HTTP form finds itself, with the status that HTTP has for it. */
export class HttpProblem extends Error {
  override readonly name = 'HttpProblem'
  readonly status: number
  readonly error: TidemarkError
  readonly headers: Readonly<Record<string, string>>
  readonly extension: ProblemExtension

  constructor(
    status: number,
    error: TidemarkError,
    headers: Readonly<Record<string, string>> = {},
    extension: ProblemExtension = {},
  ) {
    super(error.message, { cause: error })
    this.status = status
    this.error = error
    this.headers = headers
    this.extension = extension
  }
}

/** What is wrong with a request, where HTTP says it better by its status than Kafka by its error's name. */
export function invalidRequest(
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
  cause?: unknown,
): HttpProblem {
  return new HttpProblem(status, new TidemarkError('INVALID_REQUEST', message, 'no', { cause }), headers)
}

/** Of the errors that routes answer; the others are those of the Kafka protocol alone. */
const STATUS: Partial<Record<KafkaErrorName, number>> = {
  INVALID_REQUEST: 400,
  UNSUPPORTED_VERSION: 400,
  SASL_AUTHENTICATION_FAILED: 401,
  CLUSTER_AUTHORIZATION_FAILED: 403,
  TOPIC_AUTHORIZATION_FAILED: 403,
  UNKNOWN_TOPIC_ID: 404,
  UNKNOWN_TOPIC_OR_PARTITION: 404,
  GROUP_ID_NOT_FOUND: 404,
  UNKNOWN_MEMBER_ID: 404,
  TRANSACTIONAL_ID_NOT_FOUND: 404,
  CONCURRENT_TRANSACTIONS: 409,
  INVALID_PRODUCER_ID_MAPPING: 409,
  INVALID_TXN_STATE: 409,
  PRODUCER_FENCED: 409,
  TRANSACTION_ABORTABLE: 409,
  UNSTABLE_OFFSET_COMMIT: 409,
  TOPIC_ALREADY_EXISTS: 409,
  DUPLICATE_SEQUENCE_NUMBER: 409,
  FENCED_INSTANCE_ID: 409,
  FENCED_MEMBER_EPOCH: 409,
  INCONSISTENT_GROUP_PROTOCOL: 409,
  INVALID_PRODUCER_EPOCH: 409,
  NON_EMPTY_GROUP: 409,
  OUT_OF_ORDER_SEQUENCE_NUMBER: 409,
  REBALANCE_IN_PROGRESS: 409,
  MESSAGE_TOO_LARGE: 413,
  OFFSET_METADATA_TOO_LARGE: 413,
  RECORD_LIST_TOO_LARGE: 413,
  OFFSET_OUT_OF_RANGE: 416,
  CORRUPT_MESSAGE: 422,
  INVALID_CONFIG: 422,
  INVALID_GROUP_ID: 422,
  INVALID_PARTITIONS: 422,
  INVALID_RECORD: 422,
  INVALID_TIMESTAMP: 422,
  INVALID_TOPIC_EXCEPTION: 422,
  INVALID_TRANSACTION_TIMEOUT: 422,
  POLICY_VIOLATION: 422,
  UNSUPPORTED_COMPRESSION_TYPE: 422,
  THROTTLING_QUOTA_EXCEEDED: 429,
  UNKNOWN_SERVER_ERROR: 500,
  NETWORK_EXCEPTION: 502,
  BROKER_NOT_AVAILABLE: 503,
  KAFKA_STORAGE_ERROR: 503,
  REQUEST_TIMED_OUT: 504,
}

export function statusOf(name: KafkaErrorName): number {
  return STATUS[name] ?? 500
}

export function toProblem(error: TidemarkError, status = statusOf(error.kafkaName)): Problem {
  return {
    type: 'about:blank',
    title: error.kafkaName,
    status,
    detail: error.message,
    kafkaError: error.kafkaName,
    kafkaErrorNumber: error.kafkaNumber,
    retriable: error.retriable,
    written: error.written,
  }
}
