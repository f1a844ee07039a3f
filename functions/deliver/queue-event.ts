import { isObject, type JsonObject, parseJson } from '../../src/core/json.ts'
import type { WakeUp } from '../../src/core/trigger/trigger.ts'

/** A message of the queue of wake-ups, as far as it is looked at. */
export interface QueueMessage {
  readonly messageId: string
  readonly receiptHandle: string
  readonly body: string
  readonly attributes: { readonly SentTimestamp: string }
}

export interface QueueEvent {
  readonly Records: readonly QueueMessage[]
}

/** What Lambda takes for an answer: the messages that are to come again. */
export interface QueueAnswer {
  readonly batchItemFailures: readonly { readonly itemIdentifier: string }[]
}

/** The wake-up that a message stands for; undefined where it stands for none. */
export function readWakeUp(body: string): WakeUp | undefined {
  const { triggerId, groupId, topic, topicId, partition } = membersOf(body)
  if (![triggerId, groupId, topic, topicId].every(each => typeof each === 'string' && each !== ''))
    return undefined
  if (!Number.isSafeInteger(partition) || (partition as number) < 0) return undefined
  return { triggerId, groupId, topic, partition: { topicId, partition } } as WakeUp
}

function membersOf(body: string): JsonObject {
  const members = parseJson(body)
  return isObject(members) ? members : {}
}
