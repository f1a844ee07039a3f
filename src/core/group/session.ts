import { TidemarkError } from '../errors.ts'
import {
  CLOCK_SKEW_MS_MAX,
  GROUP_LOOK_MS_MAX,
  HEARTBEAT_INTERVAL_DEFAULT_MS,
  SESSION_TIMEOUT_DEFAULT_MS,
  SESSION_TIMEOUT_MS_MAX,
  SESSION_TIMEOUT_MS_MIN,
} from '../limits.ts'
import type { Claim, Group, Member } from './group.ts'

/**
 * A member's session time-out in milliseconds: what it asked for, or the default.
 * @throws INVALID_REQUEST
 */
export function toSessionTimeout(askedMs: number | undefined): number {
  if (askedMs === undefined) return SESSION_TIMEOUT_DEFAULT_MS
  if (
    !Number.isSafeInteger(askedMs) ||
    askedMs < SESSION_TIMEOUT_MS_MIN ||
    askedMs > SESSION_TIMEOUT_MS_MAX
  ) {
    throw new TidemarkError(
      'INVALID_REQUEST',
      `A session time-out has ${SESSION_TIMEOUT_MS_MIN} to ${SESSION_TIMEOUT_MS_MAX} milliseconds, not ${askedMs}.`,
    )
  }
  return askedMs
}

/** How many milliseconds a member lets pass between two heartbeats: it may lose two and keeps what it has. */
export function toHeartbeatInterval(sessionTimeoutMs: number): number {
  return Math.min(HEARTBEAT_INTERVAL_DEFAULT_MS, Math.floor(sessionTimeoutMs / 3))
}

/**
 * Whether somebody must look at members and topics: at once when one joined, left or changed its subscription
 * (`marked`), unless somebody has begun to; and once an interval (`interval`). The store chooses one of all that find it
 * due: if all who join at the same time looked at all, the cost of that would grow with the square of their number.
 * Null: no.
 */
export function needsLook(
  group: Group,
  nowMs: number,
  heartbeatIntervalMs: number,
): 'marked' | 'interval' | null {
  const sinceMs = nowMs - group.checkedMs
  if (isMarked(group)) return sinceMs < 0 && sinceMs >= -GROUP_LOOK_MS_MAX ? null : 'marked'
  // A look in the future was noted by a clock that was wrong: it must not keep everybody from looking.
  return sinceMs >= heartbeatIntervalMs || sinceMs < -CLOCK_SKEW_MS_MAX ? 'interval' : null
}

/** Whether somebody has joined, left or changed its subscription since the members were read that the target is for. */
export function isMarked(group: Group): boolean {
  return group.marks !== group.marksSeen
}

/** What `checkedMs` becomes for who begins a look that will take it to another target: others leave it to that one. */
export function lookUntil(nowMs: number): number {
  return nowMs + GROUP_LOOK_MS_MAX
}

/**
 * Whether a member was silent for its session time-out, so that its group goes on without it. A clock that is ahead
 * sees that too early: then the member joins again, and nothing is lost, since claims fence what it does meanwhile.
 */
export function isExpired(member: Member, nowMs: number): boolean {
  return nowMs > member.leaseUntilMs
}

/** No epoch of a group: nobody has settled in it. */
export const NO_EPOCH = -1

/**
 * Whether a partition that the target of this epoch gives to another may be taken from its owner without being given
 * back: where nobody owns it, the owner has left (undefined), its lease has run out by any clock, or it has said
 * that in this epoch it owns its share and nothing else, so that it was never told of this claim. The write must be
 * conditional on this very claim.
 */
export function canTakeOver(
  claim: Claim,
  ownerMember: Member | undefined,
  epoch: number,
  nowMs: number,
): boolean {
  if (claim.owner === null || ownerMember === undefined) return true
  if (ownerMember.settledEpoch === epoch) return true
  return nowMs > ownerMember.leaseUntilMs + CLOCK_SKEW_MS_MAX
}
