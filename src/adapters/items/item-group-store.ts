import { randomUUID } from 'node:crypto'
import type { Ownership } from '../../core/group/claim.ts'
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
import { DECISIONS, type Decisions } from './decisions.ts'
import { Form, jsonForm } from './form.ts'
import { endOf, type Items, joinKey, removal, splitKey } from './items.ts'

type ClaimChange = { held: boolean; claim: Claim | undefined }

const GROUPS = jsonForm<Group>()
const MEMBERS = jsonForm<Member>()
const CLAIMS = jsonForm<Claim>()
const CHUNKS = new Form(encodeTargetChunk, decodeTargetChunk)
/** An entry of the list of groups: new with each write. Those that older versions made have none. */
const LISTED = jsonForm<{ readonly version?: string }>()

/** Groups over sorted items: chunks of targets as bytes, everything else as JSON. */
export class ItemGroupStore implements GroupStore {
  readonly #items: Items
  readonly #decisions: Decisions

  constructor(items: Items, decisions: Decisions = DECISIONS) {
    this.#items = items
    this.#decisions = decisions
  }

  /**
   * A group that is there is listed, however it meets its removal: its entry in the list is written after the group, and
   * new each time, so that a removal which began before leaves it alone. And before, so that a crash in between leaves
   * a name without a group, and not the other way round.
   */
  async createGroup(groupId: string, assignor: Group['assignor']): Promise<void> {
    if (!(await this.readGroup(groupId))) await this.#list(groupId)
    await GROUPS.change(this.#items, metaKey(groupId), standing =>
      standing ? undefined : newGroup(groupId, assignor),
    )
    await this.#list(groupId)
  }

  async readGroup(groupId: string): Promise<Group | undefined> {
    return await GROUPS.read(this.#items, metaKey(groupId))
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
    await MEMBERS.put(this.#items, itemKey(groupId, memberKey(member.memberId)), member)
  }

  async renewLease(
    groupId: string,
    memberId: string,
    lease: Pick<Member, 'leaseUntilMs' | 'settledEpoch'>,
  ): Promise<Member | undefined> {
    const { leaseUntilMs, settledEpoch } = lease
    const { changed } = await MEMBERS.change(
      this.#items,
      itemKey(groupId, memberKey(memberId)),
      member => member && { ...member, leaseUntilMs, settledEpoch },
    )
    return changed
  }

  async readMember(groupId: string, memberId: string): Promise<Member | undefined> {
    return await MEMBERS.read(this.#items, itemKey(groupId, memberKey(memberId)))
  }

  async *members(groupId: string): AsyncGenerator<Member> {
    yield* this.#readAll(MEMBERS, groupId, MEMBER_PREFIX)
  }

  async removeMember(groupId: string, memberId: string, leaseUntilMs?: number): Promise<boolean> {
    const { standing, isRemoved } = await MEMBERS.removeIf(
      this.#items,
      itemKey(groupId, memberKey(memberId)),
      member => leaseUntilMs === undefined || member.leaseUntilMs === leaseUntilMs,
    )
    return isRemoved || !standing
  }

  async putTargetChunk(groupId: string, targetId: string, chunk: number, shares: TargetChunk): Promise<void> {
    await CHUNKS.put(this.#items, itemKey(groupId, targetChunkKey(targetId, chunk)), shares)
  }

  async readTargetChunk(groupId: string, targetId: string, chunk: number): Promise<TargetChunk | undefined> {
    return await CHUNKS.read(this.#items, itemKey(groupId, targetChunkKey(targetId, chunk)))
  }

  async removeOlderTargets(groupId: string, targetId: string): Promise<void> {
    await this.#items.removeRange(itemKey(groupId, TARGET_PREFIX), itemKey(groupId, targetKey(targetId)))
  }

  async readClaim(groupId: string, partition: PartitionId): Promise<Claim | undefined> {
    return await CLAIMS.read(this.#items, itemKey(groupId, claimKey(partition)))
  }

  async *claims(groupId: string): AsyncGenerator<Claim> {
    yield* this.#readAll(CLAIMS, groupId, CLAIM_PREFIX)
  }

  async setOwner(
    groupId: string,
    partition: PartitionId,
    owner: string | null,
    expected: Ownership | undefined,
    firstGeneration?: number,
  ): Promise<ClaimChange> {
    return await this.#changeClaim(groupId, partition, claim =>
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
    return await this.#changeClaim(groupId, partition, claim =>
      this.#decisions.applyCommit(partition, claim, committed, by, seenMs),
    )
  }

  /**
   * The group's own item goes first, so that nobody joins what is being removed. The list's entry goes last, so that a
   * removal that broke off can be seen and repeated; it stays where somebody has made the group anew meanwhile.
   */
  async removeGroup(groupId: string): Promise<void> {
    const meta = metaKey(groupId)
    const listed = await LISTED.read(this.#items, listedKey(groupId))
    await this.#items.update(meta, removal)
    // Never the group's own item any more: that may be one made anew.
    await this.#items.removeRange(itemKey(groupId, ''), meta)
    await this.#items.removeRange(endOf(meta), endOf(itemKey(groupId, '')))
    if (!listed) return
    const isStill = ({ version }: { version?: string }) => version === listed.version
    await LISTED.removeIf(this.#items, listedKey(groupId), isStill)
  }

  async *groups(): AsyncGenerator<string> {
    const prefix = listedKey('')
    for (const { key } of await this.#items.range(prefix, endOf(prefix))) yield splitKey(key).sortKey
  }

  async #list(groupId: string): Promise<void> {
    await LISTED.put(this.#items, listedKey(groupId), { version: randomUUID() })
  }

  #readAll<T>(form: Form<T>, groupId: string, sortPrefix: string): AsyncGenerator<T> {
    const prefix = itemKey(groupId, sortPrefix)
    return form.readAll(this.#items, prefix, endOf(prefix))
  }

  async #changeGroup(groupId: string, change: (group: Group) => Group | undefined): Promise<boolean> {
    const { changed } = await GROUPS.change(
      this.#items,
      metaKey(groupId),
      standing => standing && change(standing),
    )
    return changed !== undefined
  }

  async #changeClaim(
    groupId: string,
    partition: PartitionId,
    change: (claim: Claim | undefined) => Claim | undefined,
  ): Promise<ClaimChange> {
    const key = itemKey(groupId, claimKey(partition))
    const { standing, changed } = await CLAIMS.change(this.#items, key, change)
    // Where it was refused, the very claim that refused it.
    return { held: changed !== undefined, claim: changed ?? standing }
  }
}

function itemKey(groupId: string, sortKey: string): string {
  return joinKey(groupKey(groupId), sortKey)
}

function metaKey(groupId: string): string {
  return itemKey(groupId, GROUP_META_KEY)
}

function listedKey(groupId: string): string {
  return joinKey(GROUPS_KEY, groupId)
}
