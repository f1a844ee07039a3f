import { type PartitionId, partitionKey, partitionsByKey } from '../topic/partition-id.ts'
import type { Claim, TopicShare } from './group.ts'

/** A partition that a member says it owns, or has let go. */
export interface Holding extends PartitionId {
  readonly generation: number
}

/** What is to be done so that a member owns what the target gives it, one conditional write a claim. */
export interface Reconciliation {
  /** The member owns these, and may go on. */
  readonly keep: readonly Claim[]
  /** Of `keep`: what is not the member's by the target, so it must finish, commit and let go of it. */
  readonly toRelease: readonly Claim[]
  /** To be set free, on the condition that owner and generation are these. */
  readonly release: readonly Claim[]
  /** To be made the member's, on the condition that the claim is still this one; undefined: that there is none. */
  readonly claim: readonly { readonly partition: PartitionId; readonly expected: Claim | undefined }[]
  /** The same, and then the member must finish, commit and let go of it: it has it, and is not to have it any more. */
  readonly regain: readonly { readonly partition: PartitionId; readonly expected: Claim }[]
  /** In the target, and owned by others: may be claimed only where `canTakeOver` says so of the owner. */
  readonly blocked: readonly Claim[]
}

export function partitionsIn(share: readonly TopicShare[]): PartitionId[] {
  return share.flatMap(({ topicId, partitions }) => partitions.map(partition => ({ topicId, partition })))
}

/**
 * Compares a member's share of the target with what it says and with the claims, which alone decide.
 *
 * A claim that names the member without its knowing the generation is claimed anew, never just handed over: the
 * answer that told it may have gone to an earlier incarnation of a static member, which the new generation fences.
 * One that is not in its share is set free: nobody else could, as long as the member lives. But where the member says that it
 * has the partition, by another claim, it was claimed anew meanwhile by a request of its own which it has given up: it keeps it
 * until it has let go.
 *
 * @param target the member's share; none while there is no target yet
 * @param owned what the member says it owns; what is also in `released` does not count
 * @param claims those of the share, of `owned` and of `released` at least; with all of the group, claims are found
 *   too that the member was never told of
 */
export function reconcile(
  memberId: string,
  target: readonly TopicShare[],
  owned: readonly Holding[],
  released: readonly Holding[],
  claims: Iterable<Claim>,
): Reconciliation {
  const wanted = partitionsByKey(partitionsIn(target))
  const held = new Map(owned.map(holding => [partitionKey(holding), holding.generation]))
  for (const holding of released) {
    // Of a partition that it let go and got again meanwhile, the member holds the later generation.
    if ((held.get(partitionKey(holding)) ?? -1) <= holding.generation) held.delete(partitionKey(holding))
  }
  const keep: Claim[] = []
  const toRelease: Claim[] = []
  const release: Claim[] = []
  const claim: { partition: PartitionId; expected: Claim | undefined }[] = []
  const regain: { partition: PartitionId; expected: Claim }[] = []
  const blocked: Claim[] = []
  for (const current of claims) {
    const key = partitionKey(current)
    const partition = wanted.get(key)
    wanted.delete(key)
    if (current.owner === memberId && held.get(key) === current.generation) {
      keep.push(current)
      if (!partition) toRelease.push(current)
    } else if (!partition) {
      if (current.owner !== memberId) continue
      if (held.has(key)) regain.push({ partition: current, expected: current })
      else release.push(current)
    } else if (current.owner === memberId || current.owner === null) {
      claim.push({ partition, expected: current })
    } else {
      blocked.push(current)
    }
  }
  for (const partition of wanted.values()) claim.push({ partition, expected: undefined })
  return { keep, toRelease, release, claim, regain, blocked }
}
