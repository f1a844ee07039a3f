import type { Member } from '../../core/group/group.ts'
import type { Silence } from '../../core/group/session.ts'
import { CLOCK_SKEW_MS_MAX, LEASE_ITEMS_WATCHED_MAX } from '../../core/limits.ts'
import type { Clock } from '../../ports/clock.ts'

/** Moments by this process's monotonic clock. */
interface Watched {
  leaseUntilMs: number
  /** When this lease was first seen here. */
  readonly sinceMs: number
  /** When another one was last seen here, or this one was written here. */
  readonly renewedAfterMs: number
  lastMs: number
}

/**
 * What one process has seen of members' leases. A lease is a moment by the wall clock of whoever wrote it, and a wall clock
 * can be set to anything; for how long a lease has stood unchanged, each process can tell by itself.
 */
export class LeaseWatch {
  readonly #clock: Clock
  readonly #watched = new Map<string, Watched>()
  /** By group: when all of its members were seen last. */
  readonly #sawAllMs = new Map<string, number>()
  /** When a member was forgotten last. */
  #forgotMs = Number.NEGATIVE_INFINITY
  #wallAheadMs: number
  #setAheadMs = Number.NEGATIVE_INFINITY

  constructor(clock: Clock) {
    this.#clock = clock
    this.#wallAheadMs = clock.nowMs() - clock.monotonicMs()
  }

  /** Notes down a member as it was read just now, and tells for how long it has been silent. */
  see(groupId: string, { memberId, leaseUntilMs }: Member): Silence {
    this.noteTime()
    const nowMs = this.#clock.monotonicMs()
    const before = this.#watched.get(keyOf(groupId, memberId))
    // Who was not there when all were seen has joined since.
    const renewedAfterMs = before?.lastMs ?? this.#sawAllMs.get(groupId) ?? NEVER_MS
    const isSame = before?.leaseUntilMs === leaseUntilMs
    const seen = isSame ? before : { leaseUntilMs, sinceMs: nowMs, renewedAfterMs, lastMs: nowMs }
    seen.lastMs = nowMs
    this.#note(groupId, memberId, seen)
    return {
      atLeastMs: nowMs - seen.sinceMs,
      atMostMs: nowMs - seen.renewedAfterMs,
      clockSetAheadMs: nowMs - this.#setAheadMs,
    }
  }

  /** All of a group's members were seen, by a look that began then by the monotonic clock. */
  sawAll(groupId: string, beganMs: number): void {
    // Who was forgotten meanwhile may be one of them: a group can have more members than are watched.
    if (this.#forgotMs >= beganMs) return
    if (this.#sawAllMs.size >= LEASE_ITEMS_WATCHED_MAX) this.#sawAllMs.clear()
    this.#sawAllMs.set(groupId, beganMs)
  }

  /** A member's lease was renewed by this process, just now. */
  renewed(groupId: string, { memberId, leaseUntilMs }: Member): void {
    const nowMs = this.#clock.monotonicMs()
    this.#note(groupId, memberId, { leaseUntilMs, sinceMs: nowMs, renewedAfterMs: nowMs, lastMs: nowMs })
  }

  /** This process has changed what a lease says, and the member has no part in it. */
  shortened(groupId: string, memberId: string, leaseUntilMs: number): void {
    const watched = this.#watched.get(keyOf(groupId, memberId))
    if (watched) watched.leaseUntilMs = leaseUntilMs
  }

  /** Looks whether somebody has set the wall clock ahead since the last time. */
  noteTime(): void {
    const nowMs = this.#clock.monotonicMs()
    const aheadMs = this.#clock.nowMs() - nowMs
    if (aheadMs - this.#wallAheadMs > CLOCK_SKEW_MS_MAX) this.#setAheadMs = nowMs
    this.#wallAheadMs = aheadMs
  }

  #note(groupId: string, memberId: string, watched: Watched): void {
    const key = keyOf(groupId, memberId)
    // Last in the order in which they are forgotten.
    this.#watched.delete(key)
    this.#watched.set(key, watched)
    if (this.#watched.size <= LEASE_ITEMS_WATCHED_MAX) return
    const [oldest] = this.#watched.keys()
    this.#watched.delete(oldest!)
    // It was seen, and is not known any more.
    this.#sawAllMs.clear()
    this.#forgotMs = this.#clock.monotonicMs()
  }
}

const NEVER_MS = Number.NEGATIVE_INFINITY

/** No group's id has control characters. */
function keyOf(groupId: string, memberId: string): string {
  return `${groupId}\0${memberId}`
}
