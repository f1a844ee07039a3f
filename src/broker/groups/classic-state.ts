import type { ClassicState } from '../../contract/classic-groups.ts'
import type { ClassicGroup, ClassicMember } from '../../core/group/classic/classic-group.ts'
import type { Member } from '../../core/group/group.ts'

const STATES: Readonly<Record<ClassicGroup['phase'], ClassicState>> = {
  empty: 'Empty',
  joining: 'PreparingRebalance',
  syncing: 'CompletingRebalance',
  stable: 'Stable',
}

/** A group's state, and those of its members that are there: nobody looks for others while all are gone. */
export function classicStateOf(
  group: ClassicGroup,
  leases: readonly Member[],
): { state: ClassicState; members: { member: ClassicMember; lease: Member }[] } {
  const leaseOf = new Map(leases.map(lease => [lease.memberId, lease]))
  const members = group.members.flatMap(member => {
    const lease = leaseOf.get(member.memberId)
    return lease ? { member, lease } : []
  })
  return { state: members.length === 0 ? 'Empty' : STATES[group.phase], members }
}
