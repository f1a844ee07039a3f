import type { CallOutcome } from '../../ports/function-caller.ts'

/** Lambda's event of a self-managed Kafka source: what functions get that triggers call. */
export interface KafkaEvent {
  eventSource: 'SelfManagedKafka'
  bootstrapServers: string
  /** By `<topic>-<partition>`; of one partition only. */
  records: Record<string, KafkaEventRecord[]>
}

/** A record without a key, or without a value, lacks the field. */
export interface KafkaEventRecord {
  topic: string
  partition: number
  offset: number
  /** Milliseconds since the epoch. */
  timestamp: number
  timestampType: 'CREATE_TIME' | 'LOG_APPEND_TIME'
  /** Base64. */
  key?: string
  /** Base64. */
  value?: string
  /** Each with one name and its bytes, from -128 to 127. */
  headers: Record<string, number[]>[]
}

/** What Lambda tells a function of its call, as far as it means something on a laptop. */
export interface HandlerContext {
  /** Without effect: a call ends when it is answered. */
  callbackWaitsForEmptyEventLoop: boolean
  functionName: string
  functionVersion: string
  invokedFunctionArn: string
  memoryLimitInMB: string
  awsRequestId: string
  logGroupName: string
  logStreamName: string
  getRemainingTimeInMillis(): number
}

type HandlerCallback = (error?: unknown, answer?: unknown) => void

/**
 * A Lambda function's handler. It answers with what it returns, or with a promise; or through the callback, if it takes
 * one. Written as a method, so that handlers fit whose parameters have AWS's own types.
 */
export type TriggerHandler = {
  handle(event: KafkaEvent, context: HandlerContext, callback: HandlerCallback): unknown
}['handle']

export interface CallIdentity {
  readonly requestId: string
  readonly functionName: string
  readonly timeoutMs: number
}

const HANDLER_VERSION = '$LATEST'

/** What Lambda's Node 24 says of a handler with a callback, and what to do; an older runtime takes it. */
export const NO_CALLBACKS =
  'Runtime.CallbackHandlerDeprecated: Lambda takes no callback from Node 24 on. Return the answer, or a promise of it ' +
  '(an async function), and throw what went wrong.'

/** Calls a handler and waits for its answer, whose JSON it is (undefined: none). Rejects with what the handler throws. */
export async function invoke(
  handler: TriggerHandler,
  event: KafkaEvent,
  identity: CallIdentity,
  onCallback: () => void = () => {},
): Promise<string | undefined> {
  const answer = await new Promise<unknown>((resolve, reject) => {
    const returned = handler(event, contextOf(identity), (error, given) => {
      onCallback()
      if (error === undefined || error === null) resolve(given)
      else reject(error)
    })
    // Who takes a callback answers through it, unless it gives a promise.
    if (isPromise(returned) || handler.length < 3) resolve(returned)
  })
  return JSON.stringify(answer)
}

/** `TypeError: …`, as Lambda's runtimes tell what was thrown. */
export function describeThrown(thrown: unknown): string {
  if (!(thrown instanceof Error))
    return `Error: ${typeof thrown === 'string' ? thrown : JSON.stringify(thrown)}`
  return `${thrown.name}: ${thrown.message}`
}

/** What Lambda says of a call that took too long. */
export function describeTimeout(timeoutMs: number): string {
  return `Sandbox.Timedout: Task timed out after ${(timeoutMs / 1_000).toFixed(2)} seconds`
}

/** What a handler came to: the JSON of what it answered (undefined: nothing), or what was thrown. */
export type HandlerAnswer =
  | { readonly kind: 'answered'; readonly answer: string | undefined }
  | { readonly kind: 'failed'; readonly error: string }

export function outcomeOf(requestId: string, handled: HandlerAnswer): CallOutcome {
  const call = { requestId, executedVersion: HANDLER_VERSION, functionError: null }
  return handled.kind === 'failed'
    ? { ...handled, call: { ...call, functionError: 'Unhandled' } }
    : { kind: 'answered', answer: handled.answer && JSON.parse(handled.answer), call }
}

function contextOf({ requestId, functionName, timeoutMs }: CallIdentity): HandlerContext {
  const endMs = performance.now() + timeoutMs
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName,
    functionVersion: HANDLER_VERSION,
    invokedFunctionArn: `arn:aws:lambda:local:000000000000:function:${functionName}`,
    memoryLimitInMB: '128',
    awsRequestId: requestId,
    logGroupName: `/aws/lambda/${functionName}`,
    logStreamName: 'local',
    getRemainingTimeInMillis: () => Math.max(0, Math.floor(endMs - performance.now())),
  }
}

function isPromise(value: unknown): boolean {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}
