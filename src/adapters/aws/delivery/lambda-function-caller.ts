import { InvokeCommand, type InvokeCommandOutput, LambdaClient } from '@aws-sdk/client-lambda'
import { parseJson } from '../../../core/json.ts'
import { TRIGGER_CALL_GRACE_MS } from '../../../core/limits.ts'
import type { CallDetails } from '../../../core/trigger/failure-report.ts'
import type { CallOutcome, FunctionCaller } from '../../../ports/function-caller.ts'
import { type AwsConnection, clientConfig } from '../connection.ts'

/** The account has no concurrency left, or the network for another environment: the function has not begun. */
const THROTTLED: readonly string[] = [
  'EC2ThrottledException',
  'ENILimitReachedException',
  'SubnetIPAddressLimitReachedException',
  'TooManyRequestsException',
]
/** A function in the middle of a deployment, or one that is woken: a matter of seconds. */
const NOT_READY: readonly string[] = [
  'ResourceConflictException',
  'ResourceNotReadyException',
  'SnapStartNotReadyException',
]
/** Calls Lambda functions by their ARNs, also those of aliases and versions, and waits for their answers. */
export class LambdaFunctionCaller implements FunctionCaller {
  readonly #client: LambdaClient
  readonly #graceMs: number

  /** Makes the client and sends nothing. */
  constructor(connection: AwsConnection = {}, settings: { readonly graceMs?: number } = {}) {
    // One try each: the deliverer counts tries, and calls again in its own time.
    this.#client = new LambdaClient({ ...clientConfig(connection), maxAttempts: 1 })
    this.#graceMs = settings.graceMs ?? TRIGGER_CALL_GRACE_MS
  }

  async call(target: string, event: string, timeoutMs: number): Promise<CallOutcome> {
    const command = new InvokeCommand({
      FunctionName: target,
      InvocationType: 'RequestResponse',
      Payload: Buffer.from(event),
    })
    // Lambda itself ends a function at its time-out, and says so. This one is for an answer that never comes.
    const abortSignal = AbortSignal.timeout(timeoutMs + this.#graceMs)
    try {
      return outcomeOf(await this.#client.send(command, { abortSignal }))
    } catch (error) {
      // By the signal and not by the error: the SDK calls a lost connection a TimeoutError, too.
      // The function may be slow for what is in the batch, so this counts as a try of it.
      if (abortSignal.aborted) {
        return failed(`The function gave no answer within ${timeoutMs} ms, and then some.`, '')
      }
      return outcomeOfError(error)
    }
  }

  close(): void {
    this.#client.destroy()
  }
}

function outcomeOf(output: InvokeCommandOutput): CallOutcome {
  const { FunctionError, ExecutedVersion = '$LATEST', Payload, $metadata } = output
  const text = Payload ? Buffer.from(Payload).toString() : ''
  const call: CallDetails = {
    requestId: $metadata.requestId ?? '',
    executedVersion: ExecutedVersion,
    functionError: FunctionError ?? null,
  }
  const answer = parseJson(text)
  if (FunctionError !== undefined) return { kind: 'failed', error: errorIn(answer, text), call }
  // Nothing at all is a function that returns nothing.
  if (answer === undefined && text !== '') {
    return { kind: 'failed', error: `The function answered what is no JSON: ${text}`, call }
  }
  return { kind: 'answered', answer, call }
}

/** `Error: no such order`, as runtimes tell it. */
function errorIn(answer: unknown, text: string): string {
  const { errorType, errorMessage } = (answer ?? {}) as { errorType?: unknown; errorMessage?: unknown }
  const parts = [errorType, errorMessage].filter(part => typeof part === 'string' && part !== '')
  return parts.length > 0 ? parts.join(': ') : text || 'The function failed and gave no reason.'
}

function failed(error: string, requestId: string): CallOutcome {
  return { kind: 'failed', error, call: { requestId, executedVersion: '$LATEST', functionError: null } }
}

function outcomeOfError(error: unknown): CallOutcome {
  if (!(error instanceof Error)) throw error
  const { $metadata } = error as { $metadata?: { httpStatusCode?: number; requestId?: string } }
  const status = $metadata?.httpStatusCode
  const told = `${error.name}: ${error.message}`
  const notCalled = (reason: 'throttled' | 'unreachable' | 'refused'): CallOutcome => ({
    kind: 'not-called',
    reason,
    error: told,
  })
  if (THROTTLED.includes(error.name) || status === 429) return notCalled('throttled')
  if (NOT_READY.includes(error.name)) return notCalled('unreachable')
  // The event is too large for Lambda: smaller batches can help, so it counts against this one.
  if (error.name === 'RequestTooLargeException' || status === 413)
    return failed(told, $metadata?.requestId ?? '')
  // A lost connection or a fault of Lambda's own. The function may have run, or be running. But it is not the
  // batch's fault, and a batch must not be given up because of an outage: called again, it comes at least once.
  if (status === undefined || status >= 500 || status < 300) return notCalled('unreachable')
  return notCalled('refused')
}
