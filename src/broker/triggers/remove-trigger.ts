import type { TriggerName } from '../../contract/triggers.ts'
import { TidemarkError } from '../../core/errors.ts'
import { checkGroupId } from '../../core/group/identity.ts'
import { checkTopicName } from '../../core/topic/topic-name.ts'
import type { GroupCall } from '../groups/group-call.ts'
import { unknownTrigger } from './group-triggers.ts'

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

/**
 * Removes a trigger that is paused: whoever pauses it sees whether somebody misses it.
 * @throws GROUP_ID_NOT_FOUND where there is none, NON_EMPTY_GROUP where it is active
 */
export async function deleteTrigger(call: GroupCall, { groupId, topic }: TriggerName): Promise<void> {
  checkGroupId(groupId)
  checkTopicName(topic)
  const standing = await call.read(() => call.ports.triggers.readTrigger(groupId, topic))
  if (!standing) throw unknownTrigger({ groupId, topic })
  if (standing.state !== 'paused') {
    throw new TidemarkError(
      'NON_EMPTY_GROUP',
      `The trigger is active: it calls ${standing.target}. Remove it from where it was deployed; where that is gone, ` +
        'pause it and delete it then.',
    )
  }
  await removeTrigger(call, standing)
}
