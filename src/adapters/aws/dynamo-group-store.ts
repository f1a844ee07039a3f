import { randomUUID } from 'node:crypto'
import type { Ownership } from '../../core/group/claim.ts'
import type { Claim, CommittedOffset, Group, Member } from '../../core/group/group.ts'
import { newGroup } from '../../core/group/group-changes.ts'
import {
  CLAIM_PREFIX,
  GROUP_ATTRIBUTES,
  GROUP_META_KEY,
  GROUPS_KEY,
  groupKey,
  KEY_ATTRIBUTES,
  LISTED_GROUP_ATTRIBUTES,
  MEMBER_ATTRIBUTES,
  MEMBER_PREFIX,
  TARGET_PREFIX,
  targetKey,
} from '../../core/storage-layout.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { GroupStore, TargetChunk } from '../../ports/group-store.ts'
import {
  claimItemKey,
  decodeClaimItem,
  decodeGroupItem,
  decodeMemberItem,
  decodeTargetChunkItem,
  encodeGroupItem,
  encodeListedItem,
  encodeMemberItem,
  encodeTargetChunkItem,
  groupItemKey,
  listedItemKey,
  memberItemKey,
  targetChunkItemKey,
} from './dynamo-group-items.ts'
import { type Item, itemKey, number, readString } from './dynamo-items.ts'
import type { Checked, DynamoTable, Selection } from './dynamo-table.ts'
import {
  checkUpdate,
  commitUpdate,
  leaseUpdate,
  listedUpdate,
  markUpdate,
  ownerUpdate,
  targetUpdate,
} from './group-updates.ts'

const { partition: PK, sort: SK } = KEY_ATTRIBUTES
const NO_ITEM = { expression: `attribute_not_exists(${PK})` }

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
    const item = known ?? (await this.#makeGroup(newGroup(groupId, assignor)))
    const mark = item[GROUP_ATTRIBUTES.unlisted]?.S
    if (mark === undefined) return
    await this.#table.put(encodeListedItem(groupId, randomUUID()))
    await this.#table.update(groupItemKey(groupId), listedUpdate(mark))
  }

  async readGroup(groupId: string): Promise<Group | undefined> {
    const item = await this.#table.get(groupItemKey(groupId))
    return item && decodeGroupItem(groupId, item)
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
    const item = await this.#table.get(memberItemKey(groupId, memberId))
    return item && decodeMemberItem(item)
  }

  async *members(groupId: string): AsyncGenerator<Member> {
    for await (const item of this.#table.query(itemsOf(groupId, MEMBER_PREFIX))) yield decodeMemberItem(item)
  }

  async removeMember(groupId: string, memberId: string, leaseUntilMs?: number): Promise<boolean> {
    const key = memberItemKey(groupId, memberId)
    if (leaseUntilMs === undefined) return await this.#table.remove(key)
    return await this.#table.remove(key, {
      // One that is not there is gone, too.
      expression: `${NO_ITEM.expression} OR ${MEMBER_ATTRIBUTES.leaseUntilMs} = :lease`,
      values: { ':lease': number(leaseUntilMs) },
    })
  }

  async putTargetChunk(groupId: string, targetId: string, chunk: number, shares: TargetChunk): Promise<void> {
    await this.#table.put(encodeTargetChunkItem(groupId, targetId, chunk, shares))
  }

  async readTargetChunk(groupId: string, targetId: string, chunk: number): Promise<TargetChunk | undefined> {
    const item = await this.#table.get(targetChunkItemKey(groupId, targetId, chunk))
    return item && decodeTargetChunkItem(item)
  }

  async removeOlderTargets(groupId: string, targetId: string): Promise<void> {
    // No item has the end itself as its key. The units are those of what goes, not of the target that stays.
    await this.#removeItems(groupId, {
      condition: `${PK} = :group AND ${SK} BETWEEN :first AND :end`,
      values: {
        ':group': { S: groupKey(groupId) },
        ':first': { S: TARGET_PREFIX },
        ':end': { S: targetKey(targetId) },
      },
    })
  }

  async readClaim(groupId: string, partition: PartitionId): Promise<Claim | undefined> {
    const item = await this.#table.get(claimItemKey(groupId, partition))
    return item && decodeClaimItem(item)
  }

  async *claims(groupId: string): AsyncGenerator<Claim> {
    for await (const item of this.#table.query(itemsOf(groupId, CLAIM_PREFIX))) yield decodeClaimItem(item)
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
    const listed = await this.#table.get(listedItemKey(groupId))
    await this.#table.remove(groupItemKey(groupId))
    await this.#removeItems(groupId, {
      condition: `${PK} = :group`,
      values: { ':group': { S: groupKey(groupId) } },
    })
    if (!listed) return
    const { version } = LISTED_GROUP_ATTRIBUTES
    await this.#table.remove(listedItemKey(groupId), {
      expression: `${version} = :version`,
      values: { ':version': { S: readString(listed, version) } },
    })
  }

  async *groups(): AsyncGenerator<string> {
    const condition = `${PK} = :groups`
    const selection = { condition, values: { ':groups': { S: GROUPS_KEY } }, attribute: SK }
    for await (const item of this.#table.query(selection)) yield readString(item, SK)
  }

  /** The group's item; of whoever was faster, if somebody was. */
  async #makeGroup(group: Group): Promise<Item> {
    const made = encodeGroupItem(group, randomUUID())
    const { held, item } = await this.#table.put(made, NO_ITEM)
    if (!held && !item) throw new RangeError('DynamoDB refused a group without telling which one stands')
    return item ?? made
  }

  /** Removes what a query finds, but never the group's own item: that may be one made anew. */
  async #removeItems(groupId: string, selection: Selection): Promise<void> {
    const keys: Item[] = []
    for await (const item of this.#table.query({ ...selection, attribute: SK })) {
      const sortKey = readString(item, SK)
      if (sortKey !== GROUP_META_KEY) keys.push(itemKey(groupKey(groupId), sortKey))
    }
    await this.#table.removeAll(keys)
  }
}

function itemsOf(groupId: string, prefix: string): Selection {
  return {
    condition: `${PK} = :group AND begins_with(${SK}, :prefix)`,
    values: { ':group': { S: groupKey(groupId) }, ':prefix': { S: prefix } },
  }
}

function toClaimChange({ held, item }: Checked): ClaimChange {
  return { held, claim: item && decodeClaimItem(item) }
}
