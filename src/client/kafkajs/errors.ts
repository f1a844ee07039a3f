import { TidemarkError } from '../../core/errors.ts'
import { NamedFailures } from '../sdk/each-named.ts'

interface About {
  retriable?: boolean
  topic?: string
  partitionId?: number
  cause?: unknown
}

/** What another error says, with what a protocol error says of itself. */
interface Said {
  message: string
  retriable?: boolean
  type?: string
  code?: number
  cause?: unknown
}

const messageOf = (error: Error | Said | string) => (typeof error === 'string' ? error : error.message)

/** KafkaJS's errors, by their names. The TidemarkError that one stands for is its `cause`, or its cause's. */
export class KafkaJSError extends Error {
  override readonly name: string = 'KafkaJSError'
  readonly retriable: boolean
  readonly helpUrl?: string
  override readonly cause?: Error

  constructor(error: Error | Said | string, { retriable = true, cause }: About = {}) {
    super(messageOf(error))
    this.retriable = retriable
    if (cause instanceof Error) this.cause = cause
  }
}

export class KafkaJSNonRetriableError extends KafkaJSError {
  override readonly name: string = 'KafkaJSNonRetriableError'

  constructor(error: Error | Said | string, { cause }: About = {}) {
    super(error, { retriable: false, cause })
  }
}

/** What a broker refused: `type` is Kafka's name for it, `code` its number. */
export class KafkaJSProtocolError extends KafkaJSError {
  override readonly name: string = 'KafkaJSProtocolError'
  readonly type: string
  readonly code: number

  constructor(error: Error | Said | string) {
    const {
      retriable = true,
      type = 'UNKNOWN',
      code = -1,
      cause,
    }: Partial<Said> = typeof error === 'string' ? {} : error
    super(error, { retriable, cause })
    this.type = type
    this.code = code
  }
}

export class KafkaJSOffsetOutOfRange extends KafkaJSProtocolError {
  override readonly name = 'KafkaJSOffsetOutOfRange'
  readonly topic: string
  readonly partition: number

  constructor(error: Error | Said | string, { topic = '', partition = -1 } = {}) {
    super(error)
    this.topic = topic
    this.partition = partition
  }
}

/** A topic of several that could not be made. */
export class KafkaJSCreateTopicError extends KafkaJSProtocolError {
  override readonly name = 'KafkaJSCreateTopicError'
  readonly topic: string

  constructor(error: Error | Said | string, topic: string) {
    super(error)
    this.topic = topic
  }
}

/** Tried for as long as it could help; `cause` is the last failure. */
export class KafkaJSNumberOfRetriesExceeded extends KafkaJSNonRetriableError {
  override readonly name = 'KafkaJSNumberOfRetriesExceeded'
  override readonly stack: string
  /** -1: not counted, since a request serves several calls. */
  readonly retryCount: number
  /** Of the whole call, in milliseconds. */
  readonly retryTime: number

  constructor(error: Error | string, { retryCount = -1, retryTime = 0 } = {}) {
    super(error, { cause: error })
    this.retryCount = retryCount
    this.retryTime = retryTime
    this.stack = `KafkaJSNumberOfRetriesExceeded\n  Caused by: ${error instanceof Error ? error.stack : error}`
  }
}

export class KafkaJSConnectionError extends KafkaJSError {
  override readonly name: string = 'KafkaJSConnectionError'
  readonly broker: string
  readonly code?: string

  constructor(error: Error | Said | string, { broker = '', code = '', cause }: ConnectionFacts = {}) {
    super(error, { cause })
    this.broker = broker
    if (code) this.code = code
  }
}

interface ConnectionFacts {
  broker?: string
  code?: string
  cause?: unknown
}

export class KafkaJSSASLAuthenticationError extends KafkaJSNonRetriableError {
  override readonly name = 'KafkaJSSASLAuthenticationError'
}

export class KafkaJSNotImplemented extends KafkaJSNonRetriableError {
  override readonly name = 'KafkaJSNotImplemented'
}

/** Of several errors, each its own. */
export class KafkaJSAggregateError extends Error {
  override readonly name = 'KafkaJSAggregateError'
  readonly errors: (Error | string)[]

  constructor(message: Error | string, errors: (Error | string)[]) {
    super(messageOf(message))
    this.errors = errors
  }
}

/** What became of a group that was to be deleted. */
export interface DeletedGroup {
  groupId: string
  errorCode?: number
  error?: KafkaJSProtocolError
}

/** The groups that could not be deleted; all others that the call named are gone. */
export class KafkaJSDeleteGroupsError extends KafkaJSError {
  override readonly name = 'KafkaJSDeleteGroupsError'
  readonly groups: DeletedGroup[]

  constructor(error: Error | string, groups: DeletedGroup[] = []) {
    super(error)
    this.groups = groups
  }
}

/** The partitions whose records could not be deleted; those of all others that the call named are gone. */
export class KafkaJSDeleteTopicRecordsError extends KafkaJSError {
  override readonly name = 'KafkaJSDeleteTopicRecordsError'
  readonly partitions: { partition: number; offset: string; error: KafkaJSError }[]

  constructor({ partitions }: Pick<KafkaJSDeleteTopicRecordsError, 'partitions'>) {
    const [first] = partitions
    const retriable = partitions.every(({ error }) => error.retriable)
    super(`Error while deleting records${first ? `: ${first.error.message}` : ''}`, { retriable })
    this.partitions = partitions
  }
}

/** KafkaJS's error for one of Tidemark's; what is none stays as it is. */
export function toKafkaJSError(error: unknown, sinceMs = performance.now()): unknown {
  if (!(error instanceof TidemarkError)) return error
  const same = sameError(error instanceof NamedFailures ? (error.cause as TidemarkError) : error, error)
  if (!error.retriable || error.kafkaName === 'UNKNOWN_TOPIC_OR_PARTITION') return same
  return new KafkaJSNumberOfRetriesExceeded(same, { retryTime: Math.round(performance.now() - sinceMs) })
}

/** As `toKafkaJSError`, without regard to how often it was tried. */
export function sameError(error: TidemarkError, cause: TidemarkError = error): KafkaJSError {
  const { kafkaName, kafkaNumber, retriable } = error
  const { message } = cause
  switch (kafkaName) {
    case 'NETWORK_EXCEPTION':
      return new KafkaJSConnectionError(message, { code: kafkaName, cause })
    case 'SASL_AUTHENTICATION_FAILED':
      return new KafkaJSSASLAuthenticationError(message, { cause })
    case 'UNSUPPORTED_VERSION':
      return new KafkaJSNotImplemented(message, { cause })
    case 'INVALID_REQUEST':
      return new KafkaJSNonRetriableError(message, { cause })
    default:
      return new KafkaJSProtocolError({ message, retriable, type: kafkaName, code: kafkaNumber, cause })
  }
}

/** What a consumer's failure is told as: one of the handler is the cause of what KafkaJS makes of it. */
export function toCrash(error: unknown): Error {
  if (error instanceof TidemarkError) return toKafkaJSError(error) as Error
  const cause = error instanceof Error ? error : new Error(String(error))
  const isFinal = 'retriable' in cause && cause.retriable === false
  return isFinal ? new KafkaJSNonRetriableError(cause, { cause }) : new KafkaJSNumberOfRetriesExceeded(cause)
}

/** What an action rejects with, in KafkaJS's errors. */
export async function inKafkaJSErrors<T>(action: () => Promise<T>): Promise<T> {
  const sinceMs = performance.now()
  try {
    return await action()
  } catch (error) {
    throw toKafkaJSError(error, sinceMs)
  }
}
