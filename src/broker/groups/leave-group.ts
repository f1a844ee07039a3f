import type { LeaveGroup } from '../../contract/groups.ts'
import { checkGroupId, checkMember, storedMemberId } from '../../core/group/identity.ts'
import { LEASE_ENDED_MS, toHeartbeatInterval } from '../../core/group/session.ts'
import type { GroupCall } from './group-call.ts'
import { lookIfDue } from './look-at-members.ts'

/**
 * Ends a member's lease, and then does what is done about members whose leases have run out, unless somebody is at that
 * already: a crash anywhere in between leaves a member that the next look removes. Its claims are free for whom the next
 * target names.
 */
export async function leaveGroup(
  call: GroupCall,
  { groupId, memberId, instanceId }: LeaveGroup,
): Promise<void> {
  checkGroupId(groupId)
  checkMember({ memberId, instanceId })
  const stored = storedMemberId(memberId, instanceId)
  const member = await call.read(() => call.groups.readMember(groupId, stored))
  // Gone already, or another process is there under its instance id.
  if (!member || (instanceId !== undefined && member.incarnation !== memberId)) return
  const ended = { leaseUntilMs: LEASE_ENDED_MS, settledEpoch: 0 }
  if (!(await call.write(() => call.groups.renewLease(groupId, stored, ended)))) return
  await call.write(() => call.groups.markGroup(groupId))
  await lookIfDue(call, toHeartbeatInterval(member.sessionTimeoutMs, call.heartbeatMsMax))
}
