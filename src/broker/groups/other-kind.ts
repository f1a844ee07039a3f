import { TidemarkError } from '../../core/errors.ts'
import type { GroupCall } from './group-call.ts'
import { readMembers, shortenLeases } from './group-state.ts'

export function otherKind(groupId: string): TidemarkError {
  return new TidemarkError(
    'INCONSISTENT_GROUP_PROTOCOL',
    `The group ${JSON.stringify(groupId)} has members of another protocol: those that assign among themselves (classic) and ` +
      "those that are assigned to (KIP-848, and Tidemark's own) do not share one. Stop them first, or use another group id.",
  )
}

/** As `isNoClassicGroup`. @throws INCONSISTENT_GROUP_PROTOCOL where it has such members */
export async function leaveClassicKind(call: GroupCall): Promise<void> {
  if (!(await isNoClassicGroup(call))) throw otherKind(call.groupId)
}

/**
 * Sees to it that a group is none of the classic protocol: one whose members are all gone becomes what the next one is.
 * Whoever joins it meanwhile by that protocol has another version stand, and this one looks again. No: it has such members.
 */
export async function isNoClassicGroup(call: GroupCall): Promise<boolean> {
  const { groupId, groups } = call
  for (;;) {
    const group = await call.read(() => groups.readGroup(groupId))
    if (!group?.classic) return true
    const { version, generation, members: inGroup } = group.classic
    const { members, expired } = await readMembers(call)
    const gone = new Set(expired.map(({ memberId }) => memberId))
    const living = members.filter(({ memberId }) => !gone.has(memberId))
    if (inGroup.some(({ memberId }) => living.some(member => member.memberId === memberId))) {
      await shortenLeases(call, members)
      return false
    }
    if (!(await call.write(() => groups.changeClassic(groupId, { version }, null))).held) continue
    await call.forEach(expired, ({ memberId, leaseUntilMs }) =>
      call.write(() => groups.removeMember(groupId, memberId, leaseUntilMs)),
    )
    await removeParts(call, generation)
  }
}

/** What classic members have left. Should others come meanwhile, and miss some of their own, they bring it again. */
async function removeParts(call: GroupCall, generation: number): Promise<void> {
  const none = new Set<string>()
  for (const kind of ['joined', 'assigned'] as const) {
    await call.write(() => call.groups.removeOlderParts(call.groupId, kind, generation + 1, none))
  }
}
