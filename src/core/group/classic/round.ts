import { CLOCK_SKEW_MS_MAX, SESSION_TIMEOUT_MS_MAX } from '../../limits.ts'
import type { Barrier, ClassicGroup, ClassicMember } from './classic-group.ts'
import { chooseProtocol } from './protocols.ts'

/** A round begins: everybody has to join anew, until the longest of the members' rebalance time-outs is over. */
export function beginRound(group: ClassicGroup, nowMs: number): ClassicGroup {
  return {
    ...group,
    phase: 'joining',
    assignmentId: null,
    barrier: { sinceMs: nowMs, untilMs: nowMs + longestMs(group.members), isInitial: false },
    members: group.members.map(member => ({ ...member, hasJoined: false })),
  }
}

/** The longest of the members' rebalance time-outs. */
export function longestMs(members: readonly ClassicMember[]): number {
  return Math.max(0, ...members.map(({ rebalanceTimeoutMs }) => rebalanceTimeoutMs))
}

/**
 * The group once its round is over; undefined: it is waited for somebody still. A round ends when all have joined and
 * everybody who was given an id has come, unless the group was empty; and when its time is up.
 */
export function passBarrier(group: ClassicGroup, nowMs: number): ClassicGroup | undefined {
  if (group.phase !== 'joining') return undefined
  const isComplete =
    group.members.length === 0 ||
    (!group.barrier?.isInitial &&
      group.members.every(({ hasJoined }) => hasJoined) &&
      livingPending(group, nowMs).length === 0)
  return isComplete || isOver(group.barrier, nowMs) ? completeRound(group, nowMs) : undefined
}

/**
 * Whether a barrier's time is up. One that lies further ahead than it can was put by a clock that was ahead, or this one
 * was set back since: nobody waits for that.
 */
export function isOver(barrier: Barrier | null, nowMs: number): boolean {
  if (!barrier) return true
  const { sinceMs, untilMs } = barrier
  return nowMs >= untilMs || nowMs + (untilMs - sinceMs) + CLOCK_SKEW_MS_MAX < untilMs
}

/**
 * The next generation, of those who have joined. Static members belong to it although they have not: they come back, or
 * are given up when they have been silent for too long. Where nobody has joined, they are waited for once more.
 */
function completeRound(group: ClassicGroup, nowMs: number): ClassicGroup {
  const staying = group.members.filter(({ hasJoined, instanceId }) => hasJoined || instanceId !== null)
  if (staying.length === 0) return toEmpty(group)
  const leader = leaderOf(group, staying)
  if (leader === undefined) return beginRound({ ...group, members: staying }, nowMs)
  return {
    ...group,
    generation: group.generation + 1,
    phase: 'syncing',
    protocolName: chooseProtocol(staying),
    leader,
    assignmentId: null,
    barrier: { sinceMs: nowMs, untilMs: nowMs + longestMs(staying), isInitial: false },
    members: staying.map(member => ({ ...member, hasJoined: false, assignedAs: member.memberId })),
  }
}

/** Who has led goes on to, where it has joined again. */
function leaderOf({ leader }: ClassicGroup, staying: readonly ClassicMember[]): string | undefined {
  const joined = staying.filter(({ hasJoined }) => hasJoined)
  return (joined.find(({ memberId }) => memberId === leader) ?? joined[0])?.memberId
}

/** Without members it is another generation, too: whoever still holds one of before is refused. */
function toEmpty(group: ClassicGroup): ClassicGroup {
  return {
    ...group,
    generation: group.generation + 1,
    phase: 'empty',
    protocolName: null,
    leader: null,
    assignmentId: null,
    barrier: null,
    members: [],
  }
}

/** The group without these members and ids. Who is left has to join anew; undefined: none of them is in it. */
export function withoutMembers(
  group: ClassicGroup,
  memberIds: ReadonlySet<string>,
  nowMs: number,
): ClassicGroup | undefined {
  const members = group.members.filter(({ memberId }) => !memberIds.has(memberId))
  const pending = group.pending.filter(({ memberId }) => !memberIds.has(memberId))
  if (members.length === group.members.length) {
    if (pending.length === group.pending.length) return undefined
    const rest = { ...group, pending }
    return passBarrier(rest, nowMs) ?? rest
  }
  const leader = members.some(({ memberId }) => memberId === group.leader) ? group.leader : null
  const rest = { ...group, members, pending, leader }
  const round = group.phase === 'joining' ? rest : beginRound(rest, nowMs)
  return passBarrier(round, nowMs) ?? round
}

/** Ids that it is waited for. One from further ahead than a session lasts was given out by a clock that was wrong. */
export function livingPending(group: ClassicGroup, nowMs: number): ClassicGroup['pending'] {
  const farMs = nowMs + SESSION_TIMEOUT_MS_MAX + CLOCK_SKEW_MS_MAX
  return group.pending.filter(({ untilMs }) => untilMs >= nowMs && untilMs <= farMs)
}
