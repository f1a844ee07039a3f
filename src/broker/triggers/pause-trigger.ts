import type { TriggerName } from '../../contract/triggers.ts'
import { checkGroupId } from '../../core/group/identity.ts'
import { checkTopicName } from '../../core/topic/topic-name.ts'
import type { Trigger } from '../../core/trigger/trigger.ts'
import type { GroupCall } from '../groups/group-call.ts'
import { unknownTrigger } from './group-triggers.ts'

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
  { groupId, topic }: TriggerName,
  next: (standing: Trigger) => Trigger['state'] | null,
): Promise<Trigger> {
  checkGroupId(groupId)
  checkTopicName(topic)
  for (;;) {
    const standing = await call.read(() => call.ports.triggers.readTrigger(groupId, topic))
    if (!standing) throw unknownTrigger({ groupId, topic })
    const state = next(standing)
    if (state === null) return standing
    const changed: Trigger = { ...standing, state, version: standing.version + 1 }
    if (await call.write(() => call.ports.triggers.putTrigger(changed))) return changed
    // Somebody else has changed it meanwhile; or a try of unknown outcome did, and then once more does no harm.
  }
}
