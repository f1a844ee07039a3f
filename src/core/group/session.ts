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

/**
 * How many milliseconds a member lets pass between two heartbeats: it may lose two and keeps what it has.
 * @param intervalMsMax how late it may hear of what has changed in its group
 */
export function toHeartbeatInterval(
  sessionTimeoutMs: number,
  intervalMsMax = HEARTBEAT_INTERVAL_DEFAULT_MS,
): number {
  return Math.min(intervalMsMax, Math.floor(sessionTimeoutMs / 3))
}

/**
 * Whether somebody must look at members and topics: at once when one joined, left or changed its subscription
 * (`marked`), unless somebody has begun to; and once an interval (`interval`). The store chooses one of all that find it
 * due: if all who join at the same time looked at all, the cost of that would grow with the square of their number.
 * Null: no.
 */
export function needsLook(group: Group, nowMs: number, lookMs: number): 'marked' | 'interval' | null {
  const sinceMs = nowMs - group.checkedMs
  if (isMarked(group)) return sinceMs < 0 && sinceMs >= -GROUP_LOOK_MS_MAX ? null : 'marked'
  // A look in the future was noted by a clock that was wrong: it must not keep everybody from looking.
  return sinceMs >= lookMs || sinceMs < -CLOCK_SKEW_MS_MAX ? 'interval' : null
}

/** Whether somebody has joined, left or changed its subscription since the members were read that the target is for. */
export function isMarked(group: Group): boolean {
  return group.marks !== group.marksSeen
}

/** What `checkedMs` becomes for who begins a look that will take it to another target: others leave it to that one. */
export function lookUntil(nowMs: number): number {
  return nowMs + GROUP_LOOK_MS_MAX
}

/** What one process knows of a member's silence by its own monotonic clock, in milliseconds. */
export interface Silence {
  /** For how long the lease has stood unchanged before its eyes. */
  readonly atLeastMs: number
  /** How long ago it has seen another lease, or has renewed this one: the member has been heard since. */
  readonly atMostMs: number
  /** How long ago it has noticed that somebody had set its wall clock ahead. */
  readonly clockSetAheadMs: number
}

/** Of whoever has seen nothing yet. */
const UNKNOWN: Silence = {
  atLeastMs: 0,
  atMostMs: Number.POSITIVE_INFINITY,
  clockSetAheadMs: Number.POSITIVE_INFINITY,
}

/** The lease of who has left: it has run out by any clock. */
export const LEASE_ENDED_MS = 0

/**
 * Whether a member was silent for its session time-out, so that its group goes on without it. What this process has seen
 * with its own eyes goes before what clocks say. Else a clock that is ahead sees it too early: then the member joins again,
 * and nothing is lost, since claims fence what it does meanwhile.
 */
export function isExpired(member: Member, nowMs: number, silence: Silence = UNKNOWN): boolean {
  return hasRunOut(member, nowMs, silence, 0)
}

function hasRunOut(
  { leaseUntilMs, sessionTimeoutMs }: Member,
  nowMs: number,
  { atLeastMs, atMostMs, clockSetAheadMs }: Silence,
  toleranceMs: number,
): boolean {
  if (leaseUntilMs === LEASE_ENDED_MS || atLeastMs > sessionTimeoutMs + toleranceMs) return true
  // What was written before a clock was set ahead looks older than it is. By then whoever lives has renewed it.
  if (Math.min(atMostMs, clockSetAheadMs) <= sessionTimeoutMs) return false
  return nowMs > leaseUntilMs + toleranceMs
}

/**
 * What becomes of a lease that lies further ahead than any that is written now: the clock that it was written by was ahead,
 * or this one was set back since. Whoever lives renews it before it ends, and who is dead is not waited for longer than for
 * anybody else. Undefined: it is as it should be.
 */
export function shortenedLease(
  { leaseUntilMs, sessionTimeoutMs }: Member,
  nowMs: number,
): number | undefined {
  const untilMs = nowMs + sessionTimeoutMs
  return leaseUntilMs > untilMs + CLOCK_SKEW_MS_MAX ? untilMs : undefined
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
  silence: Silence = UNKNOWN,
): boolean {
  if (claim.owner === null || ownerMember === undefined) return true
  if (ownerMember.settledEpoch === epoch) return true
  return hasRunOut(ownerMember, nowMs, silence, CLOCK_SKEW_MS_MAX)
}

/**
 * Partitions that were made since then are new to the group; undefined: none is, since it has no target yet. A group that is
 * from the future was made before the clock was set back: what is made now would look older than it. So all count as new,
 * of which nothing is committed: better to deliver what is old than to skip what is new.
 */
export function newSinceMs({ sinceMs }: Group, nowMs: number): number | undefined {
  return sinceMs !== undefined && sinceMs > nowMs + CLOCK_SKEW_MS_MAX ? 0 : sinceMs
}
