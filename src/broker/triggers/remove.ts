import type { TriggerName } from '../../contract/triggers.ts'
import { checkGroupId } from '../../core/group/identity.ts'
import { checkTopicName } from '../../core/log/topic-name.ts'
import type { GroupCall } from '../groups/group-call.ts'

/**
 * Removes a trigger; with `triggerId`: that very one, and not another that was made in its place. One that is not there
 * is no error. A delivery that is under way ends with its batch. What is committed stays: a trigger that is made again
 * for the group goes on from there, and what the old one owns is free for it.
 */
export async function removeTrigger(
  call: GroupCall,
  { groupId, topic, triggerId }: TriggerName & { readonly triggerId?: string },
): Promise<void> {
  checkGroupId(groupId)
  checkTopicName(topic)
  const { triggers } = call.ports
  const id = triggerId ?? (await call.read(() => triggers.readTrigger(groupId, topic)))?.triggerId
  if (id !== undefined) await call.write(() => triggers.removeTrigger(groupId, topic, id))
}
