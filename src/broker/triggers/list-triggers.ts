import type { TriggerDescription } from '../../contract/triggers.ts'
import type { Trigger } from '../../core/trigger/trigger.ts'
import type { GroupCall } from '../groups/group-call.ts'
import { readTopics } from '../groups/group-topics.ts'

/** Triggers as everybody sees them, in order, with whether their topics are there. */
export async function describeTriggers(
  call: GroupCall,
  triggers: readonly Trigger[],
): Promise<TriggerDescription[]> {
  const names = [...new Set(triggers.map(({ topic }) => topic))]
  const topics = await readTopics(call, [{ topics: names, topicPattern: null }])
  const present = new Set(topics.map(({ name }) => name))
  return triggers.map(({ groupId, topic, triggerId, target, state, createdMs, settings }) => ({
    groupId,
    topic,
    triggerId,
    target,
    state,
    hasTopic: present.has(topic),
    createdMs,
    ...settings,
  }))
}

/** Every trigger, in the order of their groups' and topics' UTF-8 bytes: keys sort a bit differently. */
export async function listTriggers(call: GroupCall): Promise<Trigger[]> {
  const triggers = await call.readAll(() => call.ports.triggers.triggers())
  return triggers.sort((one, other) => compare(one.groupId, other.groupId) || compare(one.topic, other.topic))
}

function compare(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other))
}
