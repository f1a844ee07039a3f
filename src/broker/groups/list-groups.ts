import type { GroupSummary } from '../../contract/groups.ts'
import { isExpired } from '../../core/group/session.ts'
import type { Trigger } from '../../core/trigger/trigger.ts'
import type { GroupCall } from './group-call.ts'
import { stateOf } from './group-state.ts'

/** Every group; one whose deletion is under way is left out. */
export async function list(call: GroupCall): Promise<GroupSummary[]> {
  const ids = await call.readAll(() => call.groups.groups())
  const triggers = await call.readAll(() => call.ports.triggers.triggers())
  const groups = await call.forEach(ids, async (groupId): Promise<GroupSummary | undefined> => {
    const group = await call.read(() => call.groups.readGroup(groupId))
    if (!group) return undefined
    const all = await call.readAll(() => call.groups.members(groupId))
    const members = all.filter(member => !isExpired(member, call.nowMs()))
    const active = activeIn(triggers, groupId)
    return { groupId, state: stateOf(group, members, active), members: members.length + active.length }
  })
  return groups.filter(group => group !== undefined)
}

function activeIn(triggers: readonly Trigger[], groupId: string): Trigger[] {
  return triggers.filter(trigger => trigger.groupId === groupId && trigger.state === 'active')
}
