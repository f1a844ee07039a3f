import type { TriggerName } from '../../contract/triggers.ts'
import { TidemarkError } from '../../core/errors.ts'
import { checkGroupId } from '../../core/group/identity.ts'
import { checkTopicName } from '../../core/topic/topic-name.ts'
import type { Trigger } from '../../core/trigger/trigger.ts'
import type { GroupCall } from '../groups/group-call.ts'

/** Stops a trigger's deliveries; one that is paused stays as it is. @throws GROUP_ID_NOT_FOUND where there is none */
export function pauseTrigger(call: GroupCall, name: TriggerName): Promise<Trigger> {
  return change(call, name, trigger => (trigger.state === 'paused' ? null : 'paused'))
}

/**
 * Lets a trigger deliver. One that is active gets another version all the same: that makes whoever watches the triggers
 * look at all its partitions. @throws GROUP_ID_NOT_FOUND where there is none
 */
export function resumeTrigger(call: GroupCall, name: TriggerName): Promise<Trigger> {
  return change(call, name, () => 'active')
}

/** @param next the state that it shall have; null: it stays as it is */
async function change(
  call: GroupCall,
  name: TriggerName,
  next: (standing: Trigger) => Trigger['state'] | null,
): Promise<Trigger> {
  for (;;) {
    const standing = await readStanding(call, name)
    const state = next(standing)
    if (state === null) return standing
    const changed: Trigger = { ...standing, state, version: standing.version + 1 }
    if (await call.write(() => call.ports.triggers.putTrigger(changed))) return changed
    // Somebody else has changed it meanwhile; or a try of unknown outcome did, and then once more does no harm.
  }
}

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
export async function deleteTrigger(call: GroupCall, name: TriggerName): Promise<void> {
  const standing = await readStanding(call, name)
  if (standing.state !== 'paused') {
    throw new TidemarkError(
      'NON_EMPTY_GROUP',
      `The trigger is active: it calls ${standing.target}. Remove it from where it was deployed; where that is gone, ` +
        'pause it and delete it then.',
    )
  }
  await removeTrigger(call, standing)
}

/** @throws GROUP_ID_NOT_FOUND where there is none */
async function readStanding(call: GroupCall, { groupId, topic }: TriggerName): Promise<Trigger> {
  checkGroupId(groupId)
  checkTopicName(topic)
  const standing = await call.read(() => call.ports.triggers.readTrigger(groupId, topic))
  if (standing) return standing
  throw new TidemarkError(
    'GROUP_ID_NOT_FOUND',
    `The group ${JSON.stringify(groupId)} has no trigger on the topic "${topic}".`,
  )
}
