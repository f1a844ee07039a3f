import { applyCommit, applyOwner, type Ownership } from '../../core/group/claim.ts'
import type { Claim, CommittedOffset, Group, Member } from '../../core/group/group.ts'
import { applyCheck, applyMark, applyTarget, newGroup } from '../../core/group/group-changes.ts'
import { decodeTargetChunk, encodeTargetChunk } from '../../core/group/target-chunk.ts'
import {
  CLAIM_PREFIX,
  claimKey,
  GROUP_META_KEY,
  GROUPS_KEY,
  groupKey,
  MEMBER_PREFIX,
  memberKey,
  TARGET_PREFIX,
  targetChunkKey,
  targetKey,
} from '../../core/storage-layout.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { GroupStore, TargetChunk } from '../../ports/group-store.ts'
import type { IndexDatabase } from './index-database.ts'

type ClaimChange = { held: boolean; claim: Claim | undefined }

/** Groups in SQLite: chunks of targets as bytes, everything else as JSON. */
export class LocalGroupStore implements GroupStore {
  readonly #database: IndexDatabase

  constructor(database: IndexDatabase) {
    this.#database = database
  }

  async createGroup(groupId: string, assignor: Group['assignor']): Promise<void> {
    // Asked for in one turn, both are in one transaction: what is there is listed.
    await Promise.all([
      this.#database.update(itemKey(groupId, GROUP_META_KEY), standing =>
        standing ? undefined : encode(newGroup(groupId, assignor)),
      ),
      this.#database.update(listedKey(groupId), standing => (standing ? undefined : encode({}))),
    ])
  }

  async readGroup(groupId: string): Promise<Group | undefined> {
    return this.#read<Group>(itemKey(groupId, GROUP_META_KEY))
  }

  async markGroup(groupId: string): Promise<boolean> {
    return await this.#changeGroup(groupId, applyMark)
  }

  async winCheck(groupId: string, expectedMs: number, nowMs: number): Promise<boolean> {
    return await this.#changeGroup(groupId, group => applyCheck(group, expectedMs, nowMs))
  }

  async setTarget(group: Group): Promise<boolean> {
    return await this.#changeGroup(group.groupId, standing => applyTarget(standing, group))
  }

  async putMember(groupId: string, member: Member): Promise<void> {
    await this.#database.update(itemKey(groupId, memberKey(member.memberId)), () => encode(member))
  }

  async renewLease(
    groupId: string,
    memberId: string,
    lease: Pick<Member, 'leaseUntilMs' | 'settledEpoch'>,
  ): Promise<Member | undefined> {
    const { leaseUntilMs, settledEpoch } = lease
    let renewed: Member | undefined
    await this.#database.update(itemKey(groupId, memberKey(memberId)), standing => {
      renewed = standing && { ...decode<Member>(standing), leaseUntilMs, settledEpoch }
      return renewed && encode(renewed)
    })
    return renewed
  }

  async readMember(groupId: string, memberId: string): Promise<Member | undefined> {
    return this.#read<Member>(itemKey(groupId, memberKey(memberId)))
  }

  async *members(groupId: string): AsyncGenerator<Member> {
    yield* this.#readAll<Member>(groupId, MEMBER_PREFIX)
  }

  async removeMember(groupId: string, memberId: string, leaseUntilMs?: number): Promise<boolean> {
    let isGone = true
    await this.#database.removeIf(itemKey(groupId, memberKey(memberId)), standing => {
      isGone = leaseUntilMs === undefined || decode<Member>(standing).leaseUntilMs === leaseUntilMs
      return isGone
    })
    return isGone
  }

  async putTargetChunk(groupId: string, targetId: string, chunk: number, shares: TargetChunk): Promise<void> {
    await this.#database.update(itemKey(groupId, targetChunkKey(targetId, chunk)), () =>
      encodeTargetChunk(shares),
    )
  }

  async readTargetChunk(groupId: string, targetId: string, chunk: number): Promise<TargetChunk | undefined> {
    const encoded = this.#database.get(itemKey(groupId, targetChunkKey(targetId, chunk)))
    return encoded && decodeTargetChunk(encoded)
  }

  async removeOlderTargets(groupId: string, targetId: string): Promise<void> {
    await this.#database.removeRange(itemKey(groupId, TARGET_PREFIX), itemKey(groupId, targetKey(targetId)))
  }

  async readClaim(groupId: string, partition: PartitionId): Promise<Claim | undefined> {
    return this.#read<Claim>(itemKey(groupId, claimKey(partition)))
  }

  async *claims(groupId: string): AsyncGenerator<Claim> {
    yield* this.#readAll<Claim>(groupId, CLAIM_PREFIX)
  }

  async setOwner(
    groupId: string,
    partition: PartitionId,
    owner: string | null,
    expected: Ownership | undefined,
    firstGeneration?: number,
  ): Promise<ClaimChange> {
    return await this.#changeClaim(groupId, partition, claim =>
      applyOwner(partition, claim, owner, expected, firstGeneration),
    )
  }

  async commit(
    groupId: string,
    partition: PartitionId,
    committed: CommittedOffset,
    by: { owner: string; generation: number } | 'unowned',
    seenMs: number | null,
  ): Promise<ClaimChange> {
    return await this.#changeClaim(groupId, partition, claim =>
      applyCommit(partition, claim, committed, by, seenMs),
    )
  }

  async removeGroup(groupId: string): Promise<void> {
    const prefix = itemKey(groupId, '')
    // In one turn and so in one transaction.
    await Promise.all([
      this.#database.removeRange(prefix, endOf(prefix)),
      this.#database.removeAll([listedKey(groupId)]),
    ])
  }

  async *groups(): AsyncGenerator<string> {
    const prefix = `${GROUPS_KEY}/`
    for (const { key } of this.#database.range(prefix, endOf(prefix))) yield key.slice(prefix.length)
  }

  #read<T>(key: string): T | undefined {
    const value = this.#database.get(key)
    return value && decode<T>(value)
  }

  /** Reads them whole before the first is given: the caller may take its time, a read transaction must not. */
  #readAll<T>(groupId: string, sortPrefix: string): T[] {
    const prefix = itemKey(groupId, sortPrefix)
    return this.#database.range(prefix, endOf(prefix)).map(({ value }) => decode<T>(value))
  }

  async #changeGroup(groupId: string, change: (group: Group) => Group | undefined): Promise<boolean> {
    let changed: Group | undefined
    await this.#database.update(itemKey(groupId, GROUP_META_KEY), standing => {
      changed = standing && change(decode<Group>(standing))
      return changed && encode(changed)
    })
    return changed !== undefined
  }

  async #changeClaim(
    groupId: string,
    partition: PartitionId,
    change: (claim: Claim | undefined) => Claim | undefined,
  ): Promise<ClaimChange> {
    let seen: Claim | undefined
    let changed: Claim | undefined
    await this.#database.update(itemKey(groupId, claimKey(partition)), standing => {
      seen = standing && decode<Claim>(standing)
      changed = change(seen)
      return changed && encode(changed)
    })
    // Where it was refused, the very claim that refused it.
    return changed ? { held: true, claim: changed } : { held: false, claim: seen }
  }
}

function itemKey(groupId: string, sortKey: string): string {
  return `${groupKey(groupId)}/${sortKey}`
}

function listedKey(groupId: string): string {
  return `${GROUPS_KEY}/${groupId}`
}

/** Behind all keys that begin so: the prefix ends in an ASCII character, which becomes the next one. */
function endOf(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)
}

function encode(value: Group | Member | Claim | Record<string, never>): Buffer {
  return Buffer.from(JSON.stringify(value))
}

function decode<T>(value: Buffer): T {
  return JSON.parse(value.toString()) as T
}
