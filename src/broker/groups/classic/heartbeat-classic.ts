import type { ClassicMemberName, LeaveClassic, LeftMember } from '../../../contract/classic-groups.ts'
import { TidemarkError } from '../../../core/errors.ts'
import {
  checkGeneration,
  checkHeartbeat,
  memberOf,
  unknownClassicMember,
} from '../../../core/group/classic/checks.ts'
import type { ClassicGroup } from '../../../core/group/classic/classic-group.ts'
import { withoutMembers } from '../../../core/group/classic/round.ts'
import { checkGroupId } from '../../../core/group/identity.ts'
import { type GroupCall, readGroup } from '../group-call.ts'
import { isClassic } from './change-kind.ts'
import type { ClassicRoom } from './classic-room.ts'
import { renewLease } from './lease.ts'
import { lookIfDue } from './look-at-classic.ts'
import { sweepParts } from './part-items.ts'

/** In a steady state one read and one write: the group, and the member's lease. */
export async function heartbeatClassic(room: ClassicRoom, request: ClassicMemberName): Promise<void> {
  const { groupId } = request
  checkGroupId(groupId)
  const call = room.call(groupId)
  const group = await readGroup(call)
  const { memberId, sessionTimeoutMs } = checkGeneration(group?.classic, request)
  if (!(await renewLease(call, memberId, sessionTimeoutMs))) throw unknownClassicMember(memberId)
  const after = group && (await lookIfDue(room, call, group))
  checkHeartbeat(after?.classic, request)
}

/** Takes members out of their group at once: nobody waits for their time-outs. */
export async function leaveClassic(
  room: ClassicRoom,
  { groupId, members }: LeaveClassic,
): Promise<LeftMember[]> {
  checkGroupId(groupId)
  for (;;) {
    const call = room.call(groupId)
    const group = await readGroup(call)
    const told = members.map(member => toLeft(group?.classic, member))
    const gone = new Set(told.flatMap(({ out }) => out ?? []))
    const next = group?.classic && withoutMembers(group.classic, gone, call.nowMs())
    if (group && next) {
      const changed = await room.change(call, group, next)
      if (!changed) continue
      await removeGone(call, gone)
      if (isClassic(changed) && changed.classic.phase === 'empty') await sweepParts(call, changed.classic)
    }
    return told.map(({ left }) => left)
  }
}

/** What whoever leaves is told, and which member is out then. */
function toLeft(
  group: ClassicGroup | undefined,
  { memberId, instanceId }: LeaveClassic['members'][number],
): { left: LeftMember; out?: string } {
  if (group?.pending.some(pending => pending.memberId === memberId)) {
    return { left: { memberId, instanceId, error: undefined }, out: memberId }
  }
  // An administrator names a static member by its instance alone.
  const byInstance = group?.members.find(
    member => memberId === '' && instanceId !== undefined && member.instanceId === instanceId,
  )
  try {
    const member = byInstance ?? memberOf(group, { memberId, instanceId })
    return { left: { memberId, instanceId, error: undefined }, out: member.memberId }
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error
    return { left: { memberId, instanceId, error } }
  }
}

async function removeGone(call: GroupCall, gone: ReadonlySet<string>): Promise<void> {
  await call.forEach([...gone], memberId =>
    call.write(() => call.groups.removeMember(call.groupId, memberId)),
  )
}
