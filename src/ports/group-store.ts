import type { Committer, Ownership } from '../core/group/claim.ts'
import type { Claim, CommittedOffset, Group, Lease, Member, PendingOffset } from '../core/group/group.ts'
import type { TargetChunk } from '../core/group/target-chunk.ts'
import type { PartitionId } from '../core/topic/partition-id.ts'
import type { ClassicGroupStore } from './classic-group-store.ts'

/**
 * Consumer groups: each group has an item of its own, an item for each member and each claim, and the chunks of its
 * target. Every write is one atomic, durable step on one item, and every read sees all writes that resolved before
 * it began. All methods can throw NotApplied and StoreFailed; those that write also OutcomeUnknown.
 */
export interface GroupStore extends ClassicGroupStore {
  /** Makes an empty group (epoch 0, no target), and lists it; one that is there stays as it is. May be repeated. */
  createGroup(groupId: string, assignor: Group['assignor']): Promise<void>

  readGroup(groupId: string): Promise<Group | undefined>

  /**
   * Adds one to `marks`, whatever else changes meanwhile. False where there is no such group, or it is a classic one. Repeating
   * it does no harm.
   */
  markGroup(groupId: string): Promise<boolean>

  /** Sets `checkedMs` on the condition that it is still `expectedMs`: of all that try, one wins the interval. */
  winCheck(groupId: string, expectedMs: number, nowMs: number): Promise<boolean>

  /**
   * Sets the target (epoch, targetId, targetChunks, assignor, marksSeen, topicsDigest, checkedMs) on the condition that
   * the epoch is still the one before, and that it is not a classic one. `marks` stays as it is. The chunks must stand before.
   */
  setTarget(group: Group): Promise<boolean>

  /** Puts a member, or writes over one of the same id. */
  putMember(groupId: string, member: Member): Promise<void>

  /** Moves a member's lease on the condition that it is there, and tells the member as it is then. */
  renewLease(groupId: string, memberId: string, lease: Lease): Promise<Member | undefined>

  /**
   * Sets nothing but `leaseUntilMs` of a member, on the condition that it is still `expectedMs`. Tells whether it was; a
   * repetition is told no.
   */
  shortenLease(groupId: string, memberId: string, expectedMs: number, leaseUntilMs: number): Promise<boolean>

  readMember(groupId: string, memberId: string): Promise<Member | undefined>

  members(groupId: string): AsyncIterable<Member>

  /** Removes a member; with `leaseUntilMs`: on the condition that its lease is still that. Tells whether it is gone. */
  removeMember(groupId: string, memberId: string, leaseUntilMs?: number): Promise<boolean>

  /**
   * Puts one chunk of a target: some members and what each is to own. Chunks never change. The target's id is one of
   * `targetIdOf` (core/storage-layout.ts), so that ids sort as epochs do.
   */
  putTargetChunk(groupId: string, targetId: string, chunk: number, shares: TargetChunk): Promise<void>

  readTargetChunk(groupId: string, targetId: string, chunk: number): Promise<TargetChunk | undefined>

  /**
   * Removes the chunks of all targets whose ids sort before this one. Never later ones: somebody else may have put them
   * for the next epoch. May be repeated.
   */
  removeOlderTargets(groupId: string, targetId: string): Promise<void>

  readClaim(groupId: string, partition: PartitionId): Promise<Claim | undefined>

  claims(groupId: string): AsyncIterable<Claim>

  /**
   * Makes `owner` the owner, with the next generation (`nextGeneration`), on the condition that owner and generation are still the
   * `expected` ones; undefined: that there is no claim yet. What is committed stays. Tells the claim as it is then, and
   * whether the condition held. `owner` null gives the partition back.
   * @param firstGeneration of a partition that nobody has owned yet, in no group of this name either; 1 by default
   */
  setOwner(
    groupId: string,
    partition: PartitionId,
    owner: string | null,
    expected: Ownership | undefined,
    firstGeneration?: number,
  ): Promise<ClaimChange>

  /**
   * Commits on the condition that owner and generation are these; `unowned`: that nobody owns it (a claim is made where
   * there is none). And that what was committed before has the `committedMs` that is in `seenMs`; null: that nothing
   * was. So a write that comes late never takes a newer one back. Tells whether the condition held, and the claim as
   * it is then.
   */
  commit(
    groupId: string,
    partition: PartitionId,
    committed: CommittedOffset,
    by: Committer,
    seenMs: number | null,
  ): Promise<ClaimChange>

  /**
   * Has an offset pend for a transaction, on the condition that owner and generation are these (as `commit`), and that what was pending before
   * has the version `seen`; null: that nothing was; and that what was committed has the `committedMs` that is in `seenMs`, as with `commit`. A claim with something pending is not removed, but with its group. Tells whether the
   * condition held, and the claim as it is then: where its `pending` has the given version, an earlier try has landed.
   */
  setPending(
    groupId: string,
    partition: PartitionId,
    pending: PendingOffset,
    by: Committer,
    seen: string | null,
    seenMs: number | null,
  ): Promise<ClaimChange>

  /**
   * Takes away what is pending, on the condition that it has this version, whoever owns the claim by then, and commits it: `committed`, on
   * condition that its `committedMs` is above what was committed before; null drops it. Tells whether the condition held, and the claim as it is then: one
   * in which that is not pending any more was resolved before, or another has taken its place.
   */
  resolvePending(
    groupId: string,
    partition: PartitionId,
    version: string,
    committed: CommittedOffset | null,
  ): Promise<ClaimChange>

  /**
   * Removes a claim on the condition that owner, generation and commit are as in `claim`, and that nothing is pending. Tells whether it is gone: also one
   * that was not there. Of one that had owners it is kept, for nobody to see, which generation was the last one; unless
   * `isForGood`: its topic was deleted, and nobody will own its partition again.
   */
  removeClaim(groupId: string, claim: Claim, isForGood?: boolean): Promise<boolean>

  /**
   * Removes a group and all that is its own. Of claims that had owners it keeps, for nobody to see, which generation was the
   * last one: a group that is made anew counts on. Where it throws, some may be left that a new group of this id would have:
   * repeat it. What is put while it runs may be removed too.
   */
  removeGroup(groupId: string): Promise<void>

  /**
   * Every group's id, in the order of their UTF-8 bytes. One that is being removed, or whose removal broke off, may be
   * among them: readGroup tells whether it is there.
   */
  groups(): AsyncIterable<string>
}

/** Whether a change's condition held, and the claim as it is then. */
export interface ClaimChange {
  readonly held: boolean
  readonly claim: Claim | undefined
}
