import { OFFSETS_RETENTION_MS } from '../limits.ts'
import type { Claim, Group, Member } from './group.ts'

/** A group as somebody has read it who looks for claims that are of no use any more. */
export interface GroupSeen {
  /** Undefined: something is left of one that was removed. */
  readonly group: Group | undefined
  readonly claims: readonly Claim[]
  /** Read after the claims: who has joined since has changed the claims that it owns. */
  readonly members: readonly Member[]
  readonly hasTrigger: boolean
}

/** A claim to be removed, on the condition that it is still this one. */
export interface UselessClaim {
  readonly claim: Claim
  /** Its topic was deleted, and nobody will own its partition again. */
  readonly isForGood: boolean
}

/**
 * Claims of topics that are gone, and, by Kafka's `offsets.retention.minutes`, what a group has committed that has had no members
 * for so long. What a trigger has committed stays as long as the trigger, and what is pending until its transaction is over.
 * @param topicIds of all topics that there are, in any state, read after the claims: an id never comes back
 */
export function findUselessClaims(
  seen: GroupSeen,
  topicIds: ReadonlySet<string>,
  nowMs: number,
): UselessClaim[] {
  const living = new Set(
    seen.members.filter(({ leaseUntilMs }) => leaseUntilMs >= nowMs).map(({ memberId }) => memberId),
  )
  const isSilent = !seen.hasTrigger && heardMs(seen) + OFFSETS_RETENTION_MS < nowMs
  return seen.claims.flatMap(claim => {
    const { owner, topicId, committed, pending } = claim
    // Whoever owns it lets go of it by itself, and the next look finds it free.
    const isOwned = owner !== null && (seen.hasTrigger || living.has(owner))
    // It may be decided that what is pending counts: its transaction ends before.
    if (isOwned || pending) return []
    if (!topicIds.has(topicId)) return { claim, isForGood: true }
    const isOld = committed !== null && committed.committedMs + OFFSETS_RETENTION_MS < nowMs
    return isSilent && isOld ? { claim, isForGood: false } : []
  })
}

/** When the group was last heard of, as far as anybody has noted: by a look at its members, or by a lease. */
function heardMs({ group, members }: GroupSeen): number {
  return Math.max(group?.checkedMs ?? 0, ...members.map(({ leaseUntilMs }) => leaseUntilMs))
}
