import { RESOURCE_ANSWER_CALLS_MAX, RESOURCE_ANSWER_TIMEOUT_MS } from '../../src/core/limits.ts'
import { inTime } from '../runtime/in-time.ts'
import type { InvocationContext } from '../runtime/invocation.ts'
import type { Telemetry } from '../runtime/telemetry.ts'

/** What CloudFormation sends for a custom resource, as far as it is needed to answer. */
export interface ResourceEvent {
  readonly RequestType: string
  /** Missing from an event is a topic's, the oldest of them. */
  readonly ResourceType?: string
  /** Where the answer is PUT to. */
  readonly ResponseURL: string
  readonly StackId: string
  readonly RequestId: string
  readonly LogicalResourceId: string
  readonly PhysicalResourceId?: string
  readonly ResourceProperties?: unknown
  readonly OldResourceProperties?: unknown
}

/** Whatever else is wrong with it: an event with a ResponseURL must be answered there, or the stack waits for an hour. */
export function isResourceEvent(event: unknown): event is ResourceEvent {
  return typeof event === 'object' && event !== null && 'ResponseURL' in event && 'RequestType' in event
}

/** CloudFormation takes an answer of 4 KB, of which this is the part that can be long. */
const REASON_CHARACTERS_MAX = 1_000
/** The resource's id where a creation failed before it made anything, and no other's id: its deletion must not touch what it did not make. */
export const NOT_CREATED = 'not/created'

interface Outcome {
  readonly Status: 'SUCCESS' | 'FAILED'
  readonly Reason?: string
  readonly PhysicalResourceId: string
  /** What a template can ask for by name. */
  readonly Data?: Readonly<Record<string, string>>
}

/** The id that a failure is told under. */
type Asked = Pick<Outcome, 'PhysicalResourceId'>

/** Does what is asked, and tells the resource's id: another one than before makes CloudFormation delete the old one after. */
export type CarryOut = (event: ResourceEvent) => Promise<string>

/**
 * Serves a custom resource of CloudFormation. Whatever happens, the event's ResponseURL hears of it.
 * @param what `topic`, as messages call it
 * @param idOfFailed the id of what a creation that failed may have made all the same, or yet make, so that its deletion
 *   removes it
 * @param tell what a template can ask for about what stands now
 */
export function makeResource(
  what: string,
  carryOut: CarryOut,
  telemetry: Telemetry,
  idOfFailed: CarryOut = async () => NOT_CREATED,
  tell: (id: string, event: ResourceEvent) => Promise<Outcome['Data']> = async () => undefined,
): (event: ResourceEvent, context: InvocationContext) => Promise<void> {
  return async (event, context) => {
    const { RequestType, StackId, RequestId, LogicalResourceId } = event
    const asked = { PhysicalResourceId: event.PhysicalResourceId ?? (await idOfFailed(event)) }
    const settled = settle(async () => {
      const id = await carryOut(event)
      const data = RequestType === 'Delete' ? undefined : await tell(id, event)
      return { PhysicalResourceId: id, ...(data && { Data: data }) }
    }, asked)
    const leftMs = context.getRemainingTimeInMillis() - RESOURCE_ANSWER_TIMEOUT_MS * RESOURCE_ANSWER_CALLS_MAX
    const tooLate = () => failed(asked, `The ${what} could not be settled in time. Try again.`)
    const outcome = await inTime(settled, leftMs, tooLate)
    const { Status, Reason = '' } = outcome
    if (Status === 'FAILED') {
      telemetry.error(`A ${what} resource failed`, { RequestType, LogicalResourceId, Reason })
    }
    telemetry.publish({
      metrics: { Requests: 1, ...(Status === 'FAILED' && { Errors: 1 }) },
      details: {
        requestId: context.awsRequestId,
        method: RequestType,
        path: LogicalResourceId,
        status: Status,
      },
    })
    await sendAnswer(event.ResponseURL, { ...outcome, StackId, RequestId, LogicalResourceId })
  }
}

/** Does what is asked, and tells what became of it; never throws. */
async function settle(
  work: () => Promise<Pick<Outcome, 'PhysicalResourceId' | 'Data'>>,
  asked: Asked,
): Promise<Outcome> {
  try {
    return { Status: 'SUCCESS', ...(await work()) }
  } catch (error) {
    return failed(asked, error instanceof Error ? error.message : String(error))
  }
}

function failed({ PhysicalResourceId }: Asked, reason: string): Outcome {
  return { Status: 'FAILED', Reason: reason.slice(0, REASON_CHARACTERS_MAX), PhysicalResourceId }
}

/** @throws Error when the answer is not accepted: Lambda then calls again, since CloudFormation calls it asynchronously */
async function sendAnswer(url: string, answer: object): Promise<void> {
  const body = Buffer.from(JSON.stringify(answer))
  for (let tries = 1; ; tries += 1) {
    try {
      const response = await fetch(url, {
        method: 'PUT',
        body,
        // The URL is signed for no type.
        headers: { 'content-type': '' },
        signal: AbortSignal.timeout(RESOURCE_ANSWER_TIMEOUT_MS),
      })
      await response.body?.cancel()
      if (!response.ok) throw new Error(`CloudFormation's answer address answered ${response.status}`)
      return
    } catch (error) {
      if (tries === RESOURCE_ANSWER_CALLS_MAX) throw error
    }
  }
}
