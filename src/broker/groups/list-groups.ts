import type { GroupSummary } from '../../contract/groups.ts'
import { classicStateOf } from './classic-state.ts'
import type { GroupCall } from './group-call.ts'
import { readLiving, stateOf } from './group-state.ts'

/** Every group; one whose deletion is under way is left out. */
export async function listGroups(call: GroupCall): Promise<GroupSummary[]> {
  const ids = await call.readAll(() => call.groups.groups())
  const triggers = await call.readAll(() => call.ports.triggers.triggers())
  const groups = await call.forEach(ids, async (groupId): Promise<GroupSummary | undefined> => {
    const group = await call.read(() => call.groups.readGroup(groupId))
    if (!group) return undefined
    const members = await readLiving(call, groupId)
    const active = triggers.filter(trigger => trigger.groupId === groupId && trigger.state === 'active')
    if (group.classic) {
      const { state, members: own } = classicStateOf(group.classic, members)
      const { protocolType } = group.classic
      return { groupId, state, members: own.length, kind: 'classic', protocolType }
    }
    const state = stateOf(group, members, active)
    const isNobodys = group.epoch === 0 && state === 'Empty'
    return {
      groupId,
      state,
      members: members.length + active.length,
      ...(isNobodys && { protocolType: '' }),
    }
  })
  return groups.filter(group => group !== undefined)
}
