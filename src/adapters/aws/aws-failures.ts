import { NoRoom, NotApplied, OutcomeUnknown, StoreFailed } from '../../ports/outcome.ts'
import { aboutProfile, credentialsAdvice } from './credentials-advice.ts'

/** What was asked for: enough to say what became of it, and what is missing. */
export interface AwsCall {
  /** The permission that it takes: `dynamodb:UpdateItem`. */
  readonly action: string
  /** `the table "tides"` */
  readonly resource: string
  readonly effect: 'read' | 'write'
}

/** The service refused it for now and did nothing. */
const REFUSED_FOR_NOW: readonly string[] = [
  'BandwidthLimitExceeded',
  'LimitExceededException',
  'ProvisionedThroughputExceededException',
  'ReplicatedWriteConflictException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'ResourceInUseException',
  'SlowDown',
  'Throttling',
  'ThrottlingException',
  'TooManyRequestsException',
  'TransactionConflictException',
  // S3: another write of the same key is under way, or the bytes were damaged on their way.
  'BadDigest',
  'ConditionalRequestConflict',
  'OperationAborted',
  'XAmzContentChecksumMismatch',
]

/** The connection never stood, so nothing was sent. */
const NEVER_SENT: readonly string[] = [
  'EAI_AGAIN',
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
]

/** S3 closes a connection on which the request came too slowly: what it had done by then is not said. */
const TIMED_OUT: readonly string[] = [
  'AbortError',
  'RequestTimeout',
  'RequestTimeoutException',
  'TimeoutError',
]

const NO_PERMISSION: readonly string[] = ['AccessDenied', 'AccessDeniedException', 'AllAccessDisabled']

const BAD_CREDENTIALS: readonly string[] = [
  'CredentialsProviderError',
  'ExpiredToken',
  'ExpiredTokenException',
  'IncompleteSignature',
  'IncompleteSignatureException',
  'InvalidAccessKeyId',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'InvalidToken',
  'MissingAuthenticationToken',
  'MissingAuthenticationTokenException',
  'ProviderError',
  'SignatureDoesNotMatch',
  'TokenProviderError',
  'TokenRefreshRequired',
  'UnrecognizedClientException',
]

/** What AWS says of a request that was signed with a wrong time. */
const WRONG_TIME_IN_SIGNATURE: readonly string[] = [
  'AuthFailure',
  'InvalidSignatureException',
  'RequestExpired',
  'RequestInTheFuture',
  'RequestTimeTooSkewed',
  'SignatureDoesNotMatch',
]

const WRONG_CLOCK: readonly string[] = ['RequestExpired', 'RequestInTheFuture', 'RequestTimeTooSkewed']

const NO_SUCH_RESOURCE: readonly string[] = ['NoSuchBucket', 'ResourceNotFoundException']

const WRONG_REGION: readonly string[] = [
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
  'PermanentRedirect',
]

interface AwsError extends Error {
  readonly code?: string
  /** What Node was doing with a socket: connect, read, write. */
  readonly syscall?: string
  readonly $metadata?: { readonly httpStatusCode?: number; readonly clockSkewCorrected?: boolean }
}

/**
 * An error of the SDK as one of the ways in which a call to a store can fail, with what to do about it. Errors that
 * do not come from AWS or the way there are defects, and stay as they are.
 */
export function asStoreError(error: unknown, call: AwsCall): unknown {
  if (!(error instanceof Error)) return error
  const cause: AwsError = error
  const told = `${cause.name}: ${cause.message}`.replace(/\.$/, '')
  const options = { cause }
  if (isItemTooLarge(cause))
    return new NoRoom(`${call.action} would make an item too large (${told})`, options)
  if (isRefusedForNow(cause)) return new NotApplied(`${call.action} was refused for now (${told})`, options)
  if (isNeverSent(cause)) return new NotApplied(`AWS cannot be reached for ${call.action} (${told})`, options)
  if (isAmbiguous(cause)) {
    const message = `${call.action} got no answer that can be relied on (${told})`
    return call.effect === 'read' ? new NotApplied(message, options) : new OutcomeUnknown(message, options)
  }
  const advice = adviceFor(cause, call)
  return advice === undefined ? error : new StoreFailed(`${advice} (${told})`, options)
}

function isRefusedForNow(error: AwsError): boolean {
  return (
    REFUSED_FOR_NOW.includes(error.name) ||
    statusOf(error) === 429 ||
    // The SDK has learned the service's time from this very answer and will sign the next request with it. While the
    // clock is wrong it says so of every error, also of one that does not tell what was done.
    (error.$metadata?.clockSkewCorrected === true && WRONG_TIME_IN_SIGNATURE.includes(error.name))
  )
}

/** A flush makes room in a head, so the next try of the same append may well fit. */
function isItemTooLarge(error: AwsError): boolean {
  return error.name === 'ValidationException' && /item size.* exceeded/i.test(error.message)
}

function isNeverSent(error: AwsError): boolean {
  return (
    // A connection that stood can lose its way to the host, too: then it was reading or writing.
    (error.code !== undefined &&
      NEVER_SENT.includes(error.code) &&
      error.syscall !== 'read' &&
      error.syscall !== 'write') ||
    // The SDK's time-out for connecting has no code of its own.
    (error.name === 'TimeoutError' && error.message.includes('did not establish a connection'))
  )
}

function isAmbiguous(error: AwsError): boolean {
  const status = statusOf(error)
  // A status of success with an error: the answer could not be read.
  if (status !== undefined && (status >= 500 || status < 300)) return true
  if (TIMED_OUT.includes(error.name)) return true
  // Node's own errors of sockets: reset, broken pipe, closed before the answer's end.
  const isDefect = error instanceof TypeError || error instanceof RangeError
  return status === undefined && error.code !== undefined && !isDefect
}

/** What a person has to see to; undefined where the error is not AWS's. */
function adviceFor(error: AwsError, { action, resource }: AwsCall): string | undefined {
  const { name } = error
  if (NO_PERMISSION.includes(name))
    return `the credentials in use need the permission ${action} on ${resource}`
  if (BAD_CREDENTIALS.includes(name)) {
    return `AWS needs valid credentials for ${action}: ${credentialsAdvice()}`
  }
  if (WRONG_CLOCK.includes(name)) return 'this machine and AWS disagree on the time: set the clock'
  if (NO_SUCH_RESOURCE.includes(name))
    return `there is no ${resource.replace(/^the /, '')} in this account and region`
  if (WRONG_REGION.includes(name)) return `${resource} is in another region: set AWS_REGION to that one`
  if (name.startsWith('KMS')) return `the key that encrypts ${resource} cannot be used`
  if (/region (is missing|not accepted)/i.test(error.message))
    return `no region is known: set AWS_REGION${aboutProfile()}`
  if (name === 'ValidationException') {
    return `${resource} refused ${action} as invalid: are its keys "pk" and "sk", both strings?`
  }
  return statusOf(error) === undefined ? undefined : `${resource} refused ${action}`
}

function statusOf(error: AwsError): number | undefined {
  return error.$metadata?.httpStatusCode
}
