import { randomUUID } from 'node:crypto'
import type { Ownership } from '../../../core/group/claim.ts'
import type { Claim, CommittedOffset, Group, Member } from '../../../core/group/group.ts'
import { newGroup } from '../../../core/group/group-changes.ts'
import {
  CLAIM_PREFIX,
  GROUP_META_KEY,
  GROUPS_KEY,
  groupKey,
  MEMBER_PREFIX,
  TARGET_PREFIX,
  targetKey,
} from '../../../core/storage-layout.ts'
import type { PartitionId } from '../../../core/topic/partition-id.ts'
import type { GroupStore, TargetChunk } from '../../../ports/group-store.ts'
import { claimItemKey, commitUpdate, decodeClaimItem, ownerUpdate } from '../items/claim.ts'
import {
  checkUpdate,
  decodeGroupItem,
  encodeGroupItem,
  encodeListedItem,
  groupItemKey,
  isListedAs,
  listedItemKey,
  listedUpdate,
  markUpdate,
  targetUpdate,
  unlistedMark,
} from '../items/group.ts'
import {
  decodeMemberItem,
  encodeMemberItem,
  isLeasedUntil,
  leaseUpdate,
  memberItemKey,
} from '../items/member.ts'
import { decodeTargetChunkItem, encodeTargetChunkItem, targetChunkItemKey } from '../items/target-chunk.ts'
import { type Item, sortKeyOf } from './attributes.ts'
import { between, goneOr, NO_ITEM, under } from './conditions.ts'
import type { Checked, DynamoTable } from './dynamo-table.ts'

type ClaimChange = { held: boolean; claim: Claim | undefined }

/** Groups in a DynamoDB table. What a heartbeat does in a steady state is one UpdateItem and one GetItem. */
export class DynamoGroupStore implements GroupStore {
  readonly #table: DynamoTable

  constructor(table: DynamoTable) {
    this.#table = table
  }

  /**
   * A group that is there is listed, however it meets its removal, and whatever breaks off in between. So it says
   * itself that it may not be listed until its entry in the list has been written after the group. That entry is new
   * with each write: a removal which began before the group was there leaves it alone.
   */
  async createGroup(groupId: string, assignor: Group['assignor']): Promise<void> {
    const known = await this.#table.get(groupItemKey(groupId))
    const mark = unlistedMark(known ?? (await this.#makeGroup(newGroup(groupId, assignor))))
    if (mark === undefined) return
    await this.#table.put(encodeListedItem(groupId, randomUUID()))
    await this.#table.update(groupItemKey(groupId), listedUpdate(mark))
  }

  async readGroup(groupId: string): Promise<Group | undefined> {
    return await this.#table.read(groupItemKey(groupId), item => decodeGroupItem(groupId, item))
  }

  async markGroup(groupId: string): Promise<boolean> {
    return (await this.#table.update(groupItemKey(groupId), markUpdate())).held
  }

  async winCheck(groupId: string, expectedMs: number, nowMs: number): Promise<boolean> {
    return (await this.#table.update(groupItemKey(groupId), checkUpdate(expectedMs, nowMs))).held
  }

  async setTarget(group: Group): Promise<boolean> {
    return (await this.#table.update(groupItemKey(group.groupId), targetUpdate(group))).held
  }

  async putMember(groupId: string, member: Member): Promise<void> {
    await this.#table.put(encodeMemberItem(groupId, member))
  }

  async renewLease(
    groupId: string,
    memberId: string,
    lease: Pick<Member, 'leaseUntilMs' | 'settledEpoch'>,
  ): Promise<Member | undefined> {
    const { item } = await this.#table.update(memberItemKey(groupId, memberId), leaseUpdate(lease))
    return item && decodeMemberItem(item)
  }

  async readMember(groupId: string, memberId: string): Promise<Member | undefined> {
    return await this.#table.read(memberItemKey(groupId, memberId), decodeMemberItem)
  }

  members(groupId: string): AsyncGenerator<Member> {
    return this.#table.list(under(groupKey(groupId), MEMBER_PREFIX), decodeMemberItem)
  }

  async removeMember(groupId: string, memberId: string, leaseUntilMs?: number): Promise<boolean> {
    const when = leaseUntilMs === undefined ? undefined : goneOr(isLeasedUntil(leaseUntilMs))
    return await this.#table.remove(memberItemKey(groupId, memberId), when)
  }

  async putTargetChunk(groupId: string, targetId: string, chunk: number, shares: TargetChunk): Promise<void> {
    await this.#table.put(encodeTargetChunkItem(groupId, targetId, chunk, shares))
  }

  async readTargetChunk(groupId: string, targetId: string, chunk: number): Promise<TargetChunk | undefined> {
    return await this.#table.read(targetChunkItemKey(groupId, targetId, chunk), decodeTargetChunkItem)
  }

  async removeOlderTargets(groupId: string, targetId: string): Promise<void> {
    // No item has the end itself as its key. The units are those of what goes, not of the target that stays.
    await this.#table.removeFound(between(groupKey(groupId), TARGET_PREFIX, targetKey(targetId)))
  }

  async readClaim(groupId: string, partition: PartitionId): Promise<Claim | undefined> {
    return await this.#table.read(claimItemKey(groupId, partition), decodeClaimItem)
  }

  claims(groupId: string): AsyncGenerator<Claim> {
    return this.#table.list(under(groupKey(groupId), CLAIM_PREFIX), decodeClaimItem)
  }

  async setOwner(
    groupId: string,
    partition: PartitionId,
    owner: string | null,
    expected: Ownership | undefined,
    firstGeneration?: number,
  ): Promise<ClaimChange> {
    const update = ownerUpdate(owner, expected, firstGeneration)
    return toClaimChange(await this.#table.update(claimItemKey(groupId, partition), update))
  }

  async commit(
    groupId: string,
    partition: PartitionId,
    committed: CommittedOffset,
    by: { owner: string; generation: number } | 'unowned',
    seenMs: number | null,
  ): Promise<ClaimChange> {
    const update = commitUpdate(committed, by, seenMs)
    return toClaimChange(await this.#table.update(claimItemKey(groupId, partition), update))
  }

  /**
   * The group's own item goes first, so that nobody joins what is being removed. The list's entry goes last, so that a
   * removal that broke off can be seen and repeated; it stays where somebody has made the group anew meanwhile.
   */
  async removeGroup(groupId: string): Promise<void> {
    const asListed = await this.#table.read(listedItemKey(groupId), isListedAs)
    await this.#table.remove(groupItemKey(groupId))
    // Never the group's own item: that may be one made anew.
    await this.#table.removeFound(under(groupKey(groupId)), GROUP_META_KEY)
    if (asListed) await this.#table.remove(listedItemKey(groupId), asListed)
  }

  groups(): AsyncGenerator<string> {
    return this.#table.list(under(GROUPS_KEY), sortKeyOf, { keysOnly: true })
  }

  /** The group's item; of whoever was faster, if somebody was. */
  async #makeGroup(group: Group): Promise<Item> {
    const made = encodeGroupItem(group, randomUUID())
    const { held, item } = await this.#table.put(made, NO_ITEM)
    if (!held && !item) throw new RangeError('DynamoDB refused a group without telling which one stands')
    return item ?? made
  }
}

function toClaimChange({ held, item }: Checked): ClaimChange {
  return { held, claim: item && decodeClaimItem(item) }
}
