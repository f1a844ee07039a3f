import { applyCommit, applyOwner, type Ownership } from '../../core/group/claim.ts'
import type { Claim, CommittedOffset, Group, Member } from '../../core/group/group.ts'
import { applyCheck, applyMark, applyTarget, newGroup } from '../../core/group/group-changes.ts'
import { claimKey, groupKey, memberKey, targetChunkKey, targetKey } from '../../core/storage-layout.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { GroupStore, TargetChunk } from '../../ports/group-store.ts'

interface GroupItems {
  group: Group | undefined
  readonly members: Map<string, Member>
  readonly chunks: Map<string, TargetChunk>
  readonly claims: Map<string, Claim>
}

type ClaimChange = { held: boolean; claim: Claim | undefined }

/** The decisions that fence claims. Only a test that breaks them on purpose puts others in their place. */
export interface ClaimDecisions {
  readonly applyOwner: typeof applyOwner
  readonly applyCommit: typeof applyCommit
}

/** Groups in memory. Each method is one step; names are checked as in stores that last. */
export class MemoryGroupStore implements GroupStore {
  readonly #items = new Map<string, GroupItems>()
  readonly #listed = new Set<string>()
  readonly #decisions: ClaimDecisions

  constructor(decisions: ClaimDecisions = { applyOwner, applyCommit }) {
    this.#decisions = decisions
  }

  async createGroup(groupId: string, assignor: Group['assignor']): Promise<void> {
    const items = this.#itemsOf(groupId)
    items.group ??= newGroup(groupId, assignor)
    this.#listed.add(groupId)
  }

  async readGroup(groupId: string): Promise<Group | undefined> {
    const { group } = this.#itemsOf(groupId)
    return group && { ...group }
  }

  async markGroup(groupId: string): Promise<boolean> {
    return this.#changeGroup(groupId, applyMark)
  }

  async winCheck(groupId: string, expectedMs: number, nowMs: number): Promise<boolean> {
    return this.#changeGroup(groupId, group => applyCheck(group, expectedMs, nowMs))
  }

  async setTarget(group: Group): Promise<boolean> {
    return this.#changeGroup(group.groupId, standing => applyTarget(standing, group))
  }

  async putMember(groupId: string, member: Member): Promise<void> {
    this.#itemsOf(groupId).members.set(memberKey(member.memberId), copyOfMember(member))
  }

  async renewLease(
    groupId: string,
    memberId: string,
    lease: Pick<Member, 'leaseUntilMs' | 'settledEpoch'>,
  ): Promise<Member | undefined> {
    const { members } = this.#itemsOf(groupId)
    const member = members.get(memberKey(memberId))
    if (!member) return undefined
    const { leaseUntilMs, settledEpoch } = lease
    const renewed = { ...member, leaseUntilMs, settledEpoch }
    members.set(memberKey(memberId), renewed)
    return copyOfMember(renewed)
  }

  async readMember(groupId: string, memberId: string): Promise<Member | undefined> {
    const member = this.#itemsOf(groupId).members.get(memberKey(memberId))
    return member && copyOfMember(member)
  }

  async *members(groupId: string): AsyncGenerator<Member> {
    yield* [...this.#itemsOf(groupId).members.values()].map(copyOfMember)
  }

  async removeMember(groupId: string, memberId: string, leaseUntilMs?: number): Promise<boolean> {
    const { members } = this.#itemsOf(groupId)
    const member = members.get(memberKey(memberId))
    if (member && leaseUntilMs !== undefined && member.leaseUntilMs !== leaseUntilMs) return false
    members.delete(memberKey(memberId))
    return true
  }

  async putTargetChunk(groupId: string, targetId: string, chunk: number, shares: TargetChunk): Promise<void> {
    this.#itemsOf(groupId).chunks.set(targetChunkKey(targetId, chunk), copyOfChunk(shares))
  }

  async readTargetChunk(groupId: string, targetId: string, chunk: number): Promise<TargetChunk | undefined> {
    const shares = this.#itemsOf(groupId).chunks.get(targetChunkKey(targetId, chunk))
    return shares && copyOfChunk(shares)
  }

  async removeOlderTargets(groupId: string, targetId: string): Promise<void> {
    const { chunks } = this.#itemsOf(groupId)
    const end = targetKey(targetId)
    for (const key of chunks.keys()) if (key < end) chunks.delete(key)
  }

  async readClaim(groupId: string, partition: PartitionId): Promise<Claim | undefined> {
    const claim = this.#itemsOf(groupId).claims.get(claimKey(partition))
    return claim && copyOfClaim(claim)
  }

  async *claims(groupId: string): AsyncGenerator<Claim> {
    yield* [...this.#itemsOf(groupId).claims.values()].map(copyOfClaim)
  }

  async setOwner(
    groupId: string,
    partition: PartitionId,
    owner: string | null,
    expected: Ownership | undefined,
    firstGeneration?: number,
  ): Promise<ClaimChange> {
    return this.#changeClaim(groupId, partition, claim =>
      this.#decisions.applyOwner(partition, claim, owner, expected, firstGeneration),
    )
  }

  async commit(
    groupId: string,
    partition: PartitionId,
    committed: CommittedOffset,
    by: { owner: string; generation: number } | 'unowned',
    seenMs: number | null,
  ): Promise<ClaimChange> {
    return this.#changeClaim(groupId, partition, claim =>
      this.#decisions.applyCommit(partition, claim, committed, by, seenMs),
    )
  }

  async removeGroup(groupId: string): Promise<void> {
    this.#items.delete(groupKey(groupId))
    this.#listed.delete(groupId)
  }

  async *groups(): AsyncGenerator<string> {
    yield* [...this.#listed].sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)))
  }

  #itemsOf(groupId: string): GroupItems {
    const key = groupKey(groupId)
    const known = this.#items.get(key)
    if (known) return known
    const items = { group: undefined, members: new Map(), chunks: new Map(), claims: new Map() }
    this.#items.set(key, items)
    return items
  }

  #changeGroup(groupId: string, change: (group: Group) => Group | undefined): boolean {
    const items = this.#itemsOf(groupId)
    const changed = items.group && change(items.group)
    if (!changed) return false
    items.group = changed
    return true
  }

  #changeClaim(
    groupId: string,
    partition: PartitionId,
    change: (claim: Claim | undefined) => Claim | undefined,
  ): ClaimChange {
    const { claims } = this.#itemsOf(groupId)
    const standing = claims.get(claimKey(partition))
    const changed = change(standing)
    if (!changed) return { held: false, claim: standing && copyOfClaim(standing) }
    claims.set(claimKey(partition), copyOfClaim(changed))
    return { held: true, claim: copyOfClaim(changed) }
  }
}

// Copies, so that nobody changes what stands by changing what was given or told.

function copyOfMember(member: Member): Member {
  return { ...member, topics: [...member.topics] }
}

function copyOfClaim(claim: Claim): Claim {
  return { ...claim, committed: claim.committed && { ...claim.committed } }
}

function copyOfChunk(chunk: TargetChunk): TargetChunk {
  const copies = [...chunk].map(
    ([memberId, shares]) =>
      [
        memberId,
        shares.map(({ topicId, partitions }) => ({ topicId, partitions: [...partitions] })),
      ] as const,
  )
  return new Map(copies)
}
