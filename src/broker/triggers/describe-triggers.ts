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
