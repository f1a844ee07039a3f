import { TidemarkError } from '../../core/errors.ts'
import { type Trigger, triggerOwner } from '../../core/trigger/trigger.ts'
import type { GroupCall } from './group-call.ts'

/** The triggers of the call's group, paused ones too. */
export function readGroupTriggers(call: GroupCall): Promise<Trigger[]> {
  return call.readAll(() => call.ports.triggers.triggers(call.groupId))
}

/** A group that has a trigger is the trigger's alone. @throws INCONSISTENT_GROUP_PROTOCOL */
export async function refuseTriggersGroup(call: GroupCall): Promise<void> {
  const [trigger] = await readGroupTriggers(call)
  if (!trigger) return
  throw new TidemarkError(
    'INCONSISTENT_GROUP_PROTOCOL',
    `The group ${JSON.stringify(call.groupId)} is that of the trigger which calls ${trigger.target} with the ` +
      `records of "${trigger.topic}", and of nobody else: join another group, or remove the trigger first.`,
  )
}

/** What an active trigger owns is its own to commit. @throws UNKNOWN_MEMBER_ID */
export async function refuseActiveTriggers(call: GroupCall, owner: string): Promise<void> {
  const triggers = await readGroupTriggers(call)
  const trigger = triggers.find(({ triggerId }) => triggerOwner(triggerId) === owner)
  if (trigger?.state !== 'active') return
  throw new TidemarkError(
    'UNKNOWN_MEMBER_ID',
    `The trigger of the group ${JSON.stringify(call.groupId)} on "${trigger.topic}" delivers this partition, and only ` +
      'it can commit. Pause it first, and resume it afterwards.',
  )
}
