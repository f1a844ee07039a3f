import type { Offset } from '../numbers.ts'
import type { PartitionId } from '../topic/partition-id.ts'
import type { Claim, CommittedOffset, PendingOffset } from './group.ts'

/** Who is expected to own a partition: a change is refused where it is another, or the same at another time. */
export interface Ownership {
  readonly owner: string | null
  readonly generation: number
}

/** Who commits: the owner of that time; or somebody who is none, where nobody owns the partition. */
export type Committer = { readonly owner: string; readonly generation: number } | 'unowned'

/**
 * Under which generation the next owner has a partition: one more than before, be it in a group of that name that was
 * removed. Whoever is the first of all has `firstGeneration`.
 */
export function nextGeneration(
  standing: Pick<Claim, 'generation' | 'lastGeneration'> | undefined,
  firstGeneration: number,
): number {
  const last = standing?.generation || standing?.lastGeneration
  return last ? last + 1 : firstGeneration
}

/** The claim as anybody but its store sees it: a closed one is none. */
export function openClaim(standing: Claim | undefined): Claim | undefined {
  return standing && isClosed(standing) ? undefined : standing
}

/** Nothing else makes a claim that neither an owner nor a commit has made. */
export function isClosed({ owner, generation, committed, pending }: Claim): boolean {
  return owner === null && generation === 0 && committed === null && pending === undefined
}

/**
 * What is left of a claim when its group is removed; undefined: nothing that anybody would miss, since nobody ever owned
 * it. A group that is made anew counts on from there, whatever a clock says.
 */
export function closeClaim({ topicId, partition, generation, lastGeneration }: Claim): Claim | undefined {
  const last = generation || lastGeneration
  return last
    ? { topicId, partition, owner: null, generation: 0, committed: null, lastGeneration: last }
    : undefined
}

/**
 * Whether a claim is still as it was read, so that who has found it to be of no use may remove it. One in which something is pending
 * stays: it may be decided that it counts.
 */
export function mayRemoveClaim(standing: Claim, read: Claim): boolean {
  return (
    standing.pending === undefined &&
    standing.owner === read.owner &&
    standing.generation === read.generation &&
    standing.committed?.committedMs === read.committed?.committedMs
  )
}

/**
 * The claim with its next owner, null for nobody; undefined: `expected` (undefined: no claim at all) is not what stands.
 * Every change of owner has a generation of its own, so that whoever owned it before is refused from then on. A claim that
 * is closed is opened, and counts on.
 */
export function applyOwner(
  partition: PartitionId,
  standing: Claim | undefined,
  owner: string | null,
  expected: Ownership | undefined,
  firstGeneration = 1,
): Claim | undefined {
  const open = openClaim(standing)
  if (open?.owner !== expected?.owner || open?.generation !== expected?.generation) return undefined
  const { lastGeneration: _, ...claim } = standing ?? unclaimed(partition)
  return { ...claim, owner, generation: nextGeneration(standing, firstGeneration) }
}

/**
 * The claim with another committed offset; undefined: it is refused, since another owns it or has committed since.
 * @param seenMs the `committedMs` of what was committed before; null: nothing was
 */
export function applyCommit(
  partition: PartitionId,
  standing: Claim | undefined,
  committed: CommittedOffset,
  by: Committer,
  seenMs: number | null,
): Claim | undefined {
  const claim = standing ?? unclaimed(partition)
  const isNext = (claim.committed?.committedMs ?? null) === seenMs
  return isTheirs(claim, by) && isNext ? { ...claim, committed } : undefined
}

function isTheirs(claim: Claim, by: Committer): boolean {
  return by === 'unowned'
    ? claim.owner === null
    : claim.owner === by.owner && claim.generation === by.generation
}

/**
 * The claim with an offset that a transaction is to commit; undefined: it is refused, since another owns it, or something else is pending than
 * the caller has seen. So one that comes late never takes the place of a later one.
 * What is committed must be as it was seen, too: once the offset of a transaction counts, the same transaction's does not pend again, whoever
 * has that and however late, as long as he saw the claim before he saw the transaction undecided.
 * @param seen the version of what was pending; null: nothing was
 * @param seenMs the `committedMs` of what was committed; null: nothing was
 */
export function applyPending(
  partition: PartitionId,
  standing: Claim | undefined,
  pending: PendingOffset,
  by: Committer,
  seen: string | null,
  seenMs: number | null,
): Claim | undefined {
  const claim = standing ?? unclaimed(partition)
  const isAsSeen =
    (claim.pending?.version ?? null) === seen && (claim.committed?.committedMs ?? null) === seenMs
  return isTheirs(claim, by) && isAsSeen ? { ...claim, pending } : undefined
}

/**
 * The claim without what is pending, which counts from then on, or is dropped; undefined: that is not what is pending, or another has committed
 * since it was read. Whoever owns it by now: it was the owner's when it became pending.
 * @param version of what is pending
 * @param committed null: its transaction was aborted
 */
export function applyResolution(
  standing: Claim | undefined,
  version: string,
  committed: CommittedOffset | null,
): Claim | undefined {
  if (standing?.pending?.version !== version) return undefined
  const { pending: _, ...claim } = standing
  if (!committed) return claim
  return committed.committedMs > (claim.committed?.committedMs ?? 0) ? { ...claim, committed } : undefined
}

export function nextCommit(
  before: CommittedOffset | null | undefined,
  wanted: Partial<CommittedOffset> & Pick<CommittedOffset, 'offset'>,
  nowMs: number,
): CommittedOffset {
  // Different from the one before even if this clock is behind: it is what tells commits apart.
  const committedMs = Math.max(nowMs, (before?.committedMs ?? 0) + 1)
  return { leaderEpoch: -1, metadata: '', ...wanted, committedMs }
}

/** What somebody asks to commit, and how it knows its own commits apart. */
export interface WantedCommit {
  readonly offset: Offset
  readonly generation?: number | undefined
  readonly sequence?: number | undefined
  readonly rewinds: boolean
}

/**
 * Whether a later commit was made by the time that this one is: then it changes nothing, however it was delayed. An owner
 * that counts its commits says which is later. Of one that does not, an offset below the committed one is taken for
 * late, unless it says that it means to go back.
 */
export function isOvertaken(
  committed: CommittedOffset | null | undefined,
  { offset, generation, sequence, rewinds }: WantedCommit,
): boolean {
  if (!committed) return false
  if (sequence === undefined) return !rewinds && offset < committed.offset
  return committed.underGeneration === generation && sequence <= (committed.sequence ?? 0)
}

/** What a claim is made from, by its first owner or its first commit. */
function unclaimed({ topicId, partition }: PartitionId): Claim {
  return { topicId, partition, owner: null, generation: 0, committed: null }
}
