import type { GroupState } from '../../contract/groups.ts'
import type { Group, Member } from '../../core/group/group.ts'
import { shortenedLease } from '../../core/group/session.ts'
import type { Trigger } from '../../core/trigger/trigger.ts'
import type { GroupCall } from './group-call.ts'

/** Kafka's name for how far a group is. */
export function stateOf(group: Group, members: readonly Member[], active: readonly Trigger[]): GroupState {
  // A trigger owns what it delivers, and shares it with nobody.
  if (members.length === 0) return active.length === 0 ? 'Empty' : 'Stable'
  if (group.marks !== group.marksSeen || group.epoch === 0) return 'Assigning'
  return members.every(member => member.settledEpoch === group.epoch) ? 'Stable' : 'Reconciling'
}

/** The group's members, and those of them whose leases have run out. */
export async function readMembers(
  call: GroupCall,
  groupId = call.groupId,
): Promise<{ members: Member[]; expired: Member[] }> {
  const beganMs = call.ports.clock.monotonicMs()
  const members = await call.readAll(() => call.groups.members(groupId))
  const expired = members.filter(member => call.isExpired(member, groupId))
  call.leases.sawAll(groupId, beganMs)
  return { members, expired }
}

/** The group's members whose leases have not run out. */
export async function readLiving(call: GroupCall, groupId: string): Promise<Member[]> {
  const { members, expired } = await readMembers(call, groupId)
  return members.filter(member => !expired.includes(member))
}

/** Shortens leases that lie too far ahead, so that nobody waits for who is dead for as long as a clock was wrong. */
export async function shortenLeases(call: GroupCall, members: readonly Member[]): Promise<void> {
  const nowMs = call.nowMs()
  const tooLong = members.filter(member => shortenedLease(member, nowMs) !== undefined)
  await call.forEach(tooLong, async member => {
    const untilMs = shortenedLease(member, nowMs)!
    const { memberId, leaseUntilMs } = member
    const shorten = () => call.groups.shortenLease(call.groupId, memberId, leaseUntilMs, untilMs)
    if (await call.write(shorten)) call.leases.shortened(call.groupId, memberId, untilMs)
  })
}
