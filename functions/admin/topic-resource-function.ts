import type { Broker } from '../../src/contract/broker.ts'
import { TidemarkError } from '../../src/core/errors.ts'
import { RESOURCE_ANSWER_CALLS_MAX, RESOURCE_ANSWER_TIMEOUT_MS } from '../../src/core/limits.ts'
import type { InvocationContext } from '../runtime/invocation.ts'
import type { Telemetry } from '../runtime/telemetry.ts'
import { createTopic, deleteTopic, updateTopic } from './topic-resource.ts'
import type { TopicResourceEvent } from './topic-resource-event.ts'

/** CloudFormation takes an answer of 4 KB, of which this is the part that can be long. */
const REASON_CHARACTERS_MAX = 1_000
/** The resource's id where a creation failed, and no topic's name: its deletion must not touch what it did not make. */
const NOT_CREATED = 'not/created'

interface Outcome {
  readonly Status: 'SUCCESS' | 'FAILED'
  readonly Reason?: string
  readonly PhysicalResourceId: string
}

/** Serves Custom::TidemarkTopic. Whatever happens, the event's ResponseURL hears of it. */
export function makeTopicResource(
  broker: Broker,
  telemetry: Telemetry,
): (event: TopicResourceEvent, context: InvocationContext) => Promise<void> {
  return async (event, context) => {
    const { RequestType, StackId, RequestId, LogicalResourceId } = event
    const outcome = await inTime(settle(broker, event), event, context)
    const { Status, Reason = '' } = outcome
    if (Status === 'FAILED')
      telemetry.error('A topic resource failed', { RequestType, LogicalResourceId, Reason })
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
async function settle(broker: Broker, event: TopicResourceEvent): Promise<Outcome> {
  try {
    return { Status: 'SUCCESS', PhysicalResourceId: await carryOut(broker, event) }
  } catch (error) {
    return failed(event, error instanceof Error ? error.message : String(error))
  }
}

/** Tells the resource's id, which is the topic's name: another name makes CloudFormation delete the old one after. */
async function carryOut(broker: Broker, event: TopicResourceEvent): Promise<string> {
  const { RequestType, PhysicalResourceId = NOT_CREATED, ResourceProperties, OldResourceProperties } = event
  if (RequestType === 'Delete' && PhysicalResourceId === NOT_CREATED) return PhysicalResourceId
  // Loaded here: requests over HTTP, which are most, need no zod for it.
  const { readProperties } = await import('./topic-properties.ts')
  const wanted = readProperties(ResourceProperties)
  switch (RequestType) {
    case 'Create':
      await createTopic(broker, wanted)
      return wanted.topic
    case 'Update':
      if (wanted.topic === PhysicalResourceId) {
        await updateTopic(broker, wanted, readProperties(OldResourceProperties))
      } else await createTopic(broker, wanted)
      return wanted.topic
    case 'Delete':
      // By its id: after a renaming, the properties are the old ones, too.
      if (wanted.removal === 'delete') await deleteTopic(broker, PhysicalResourceId)
      return PhysicalResourceId
    default:
      throw new TidemarkError(
        'INVALID_REQUEST',
        `CloudFormation asks for "${RequestType}", which is not known here.`,
      )
  }
}

async function inTime(
  outcome: Promise<Outcome>,
  event: TopicResourceEvent,
  context: InvocationContext,
): Promise<Outcome> {
  const leftMs = context.getRemainingTimeInMillis() - RESOURCE_ANSWER_TIMEOUT_MS * RESOURCE_ANSWER_CALLS_MAX
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Outcome>(resolve => {
    const tooLate = () => resolve(failed(event, 'The topic could not be settled in time. Try again.'))
    timer = setTimeout(tooLate, Math.max(0, leftMs))
  })
  try {
    return await Promise.race([outcome, late])
  } finally {
    clearTimeout(timer)
  }
}

function failed({ PhysicalResourceId = NOT_CREATED }: TopicResourceEvent, reason: string): Outcome {
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
