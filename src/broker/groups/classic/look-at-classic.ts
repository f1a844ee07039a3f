import type { ClassicGroup } from '../../../core/group/classic/classic-group.ts'
import { isOver, passBarrier, withoutMembers } from '../../../core/group/classic/round.ts'
import type { Group, Member } from '../../../core/group/group.ts'
import { CLOCK_SKEW_MS_MAX, HEARTBEAT_INTERVAL_DEFAULT_MS } from '../../../core/limits.ts'
import { type GroupCall, readGroup } from '../group-call.ts'
import { readMembers, shortenLeases } from '../group-state.ts'
import type { ClassicRoom } from './classic-room.ts'
import { sweepParts } from './part-items.ts'

/**
 * Looks for members that were silent for too long, once an interval and whoever wins it, and ends a round that is over. Tells the
 * group as it is then.
 */
export async function lookIfDue(
  room: ClassicRoom,
  call: GroupCall,
  group: Group,
): Promise<Group | undefined> {
  if (!group.classic) return group
  const passed = passBarrier(group.classic, call.nowMs())
  if (passed) return (await room.change(call, group, passed)) ?? (await readGroup(call))
  const sinceMs = call.nowMs() - group.checkedMs
  // A look in the future was noted by a clock that was wrong: it must not keep everybody from looking.
  if (sinceMs < HEARTBEAT_INTERVAL_DEFAULT_MS && sinceMs >= -CLOCK_SKEW_MS_MAX) return group
  const isWon = await call.write(() => call.groups.winCheck(call.groupId, group.checkedMs, call.nowMs()))
  return isWon ? await look(room, call) : group
}

/** Takes out of the group who is silent, and a leader that has not assigned in time. Tells the group as it is then. */
export async function look(room: ClassicRoom, call: GroupCall): Promise<Group | undefined> {
  for (;;) {
    // Before the members: who is in the group has put its lease before.
    const group = await readGroup(call)
    if (!group?.classic) return group
    const { members, expired } = await readMembers(call)
    await shortenLeases(call, members)
    const gone = goneMembers(group.classic, members, expired, call.nowMs())
    const next = withoutMembers(group.classic, gone, call.nowMs())
    const changed = next ? await room.change(call, group, next) : group
    if (!changed?.classic) continue
    await removeLeases(call, changed.classic, expired)
    if (changed.classic.phase === 'empty' && next) await sweepParts(call, changed.classic)
    return changed
  }
}

function goneMembers(
  group: ClassicGroup,
  members: readonly Member[],
  expired: readonly Member[],
  nowMs: number,
): Set<string> {
  const silent = new Set(expired.map(({ memberId }) => memberId))
  const living = new Set(members.map(({ memberId }) => memberId).filter(id => !silent.has(id)))
  const gone = group.members.map(({ memberId }) => memberId).filter(id => !living.has(id))
  const isStuck = group.phase === 'syncing' && isOver(group.barrier, nowMs)
  return new Set(isStuck && group.leader !== null ? [...gone, group.leader] : gone)
}

/** Also of those who have put one and have got no further. */
async function removeLeases(
  call: GroupCall,
  { members }: ClassicGroup,
  expired: readonly Member[],
): Promise<void> {
  const inGroup = new Set(members.map(({ memberId }) => memberId))
  const out = expired.filter(({ memberId }) => !inGroup.has(memberId))
  await call.forEach(out, ({ memberId, leaseUntilMs }) =>
    call.write(() => call.groups.removeMember(call.groupId, memberId, leaseUntilMs)),
  )
}
