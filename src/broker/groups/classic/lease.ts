import type { Member } from '../../../core/group/group.ts'
import type { GroupCall } from '../group-call.ts'

/** Says that a member is there; undefined: it has been given up. */
export async function renewLease(
  call: GroupCall,
  memberId: string,
  sessionTimeoutMs: number,
): Promise<Member | undefined> {
  const leaseUntilMs = call.nowMs() + sessionTimeoutMs
  const member = await call.write(() =>
    call.groups.renewLease(call.groupId, memberId, { leaseUntilMs, settledEpoch: 0 }),
  )
  if (member) call.leases.renewed(call.groupId, member)
  return member
}
