import { randomUUID } from 'node:crypto'
import { openClaim } from '../../../core/group/claim.ts'
import type { Group } from '../../../core/group/group.ts'
import { newGroup } from '../../../core/group/group-changes.ts'
import { TABLE_BATCH_ITEMS_MAX } from '../../../core/limits.ts'
import {
  CLAIM_ATTRIBUTES,
  CLAIM_PREFIX,
  GROUP_META_KEY,
  GROUPS_KEY,
  groupKey,
  MEMBER_PREFIX,
  TARGET_PREFIX,
  targetKey,
} from '../../../core/storage-layout.ts'
import { PENDING_ATTRIBUTES } from '../../../core/storage-transactions.ts'
import type { ClaimChange, GroupStore } from '../../../ports/group-store.ts'
import {
  claimItemKey,
  closeUpdate,
  commitUpdate,
  decodeClaimItem,
  IS_CLOSED,
  isAsRead,
  ownerUpdate,
  pendingUpdate,
  resolutionUpdate,
} from '../items/claim.ts'
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
  shorteningUpdate,
} from '../items/member.ts'
import { decodeTargetChunkItem, encodeTargetChunkItem, targetChunkItemKey } from '../items/target-chunk.ts'
import { type Item, sortKeyOf } from './attributes.ts'
import { between, goneOr, NO_ITEM, under } from './conditions.ts'
import { dynamoClassicGroups } from './dynamo-classic-groups.ts'
import type { Checked, DynamoTable } from './dynamo-table.ts'
import { joined } from './expression.ts'

/** Groups in a DynamoDB table. What a heartbeat does in a steady state is one UpdateItem and one GetItem. */
export function dynamoGroupStore(table: DynamoTable): GroupStore {
  return {
    ...dynamoClassicGroups(table),
    /**
     * A group that is there is listed, however it meets its removal, and whatever breaks off in between. So it says
     * itself that it may not be listed until its entry in the list has been written after the group. That entry is new
     * with each write: a removal which began before the group was there leaves it alone.
     */
    async createGroup(groupId, assignor) {
      const known = await table.get(groupItemKey(groupId))
      const mark = unlistedMark(known ?? (await makeGroup(table, newGroup(groupId, assignor))))
      if (mark === undefined) return
      await table.put(encodeListedItem(groupId, randomUUID()))
      await table.update(groupItemKey(groupId), listedUpdate(mark))
    },
    readGroup: async groupId =>
      await table.read(groupItemKey(groupId), item => decodeGroupItem(groupId, item)),
    markGroup: async groupId => (await table.update(groupItemKey(groupId), markUpdate())).held,
    winCheck: async (groupId, expectedMs, nowMs) =>
      (await table.update(groupItemKey(groupId), checkUpdate(expectedMs, nowMs))).held,
    setTarget: async group => (await table.update(groupItemKey(group.groupId), targetUpdate(group))).held,

    async putMember(groupId, member) {
      await table.put(encodeMemberItem(groupId, member))
    },
    async renewLease(groupId, memberId, lease) {
      const { item } = await table.update(memberItemKey(groupId, memberId), leaseUpdate(lease))
      return item && decodeMemberItem(item)
    },
    shortenLease: async (groupId, memberId, ...change) =>
      (await table.update(memberItemKey(groupId, memberId), shorteningUpdate(...change))).held,
    readMember: async (groupId, memberId) =>
      await table.read(memberItemKey(groupId, memberId), decodeMemberItem),
    members: groupId => table.list(under(groupKey(groupId), MEMBER_PREFIX), decodeMemberItem),
    removeMember: async (groupId, memberId, leaseUntilMs) => {
      const when = leaseUntilMs === undefined ? undefined : goneOr(isLeasedUntil(leaseUntilMs))
      return await table.remove(memberItemKey(groupId, memberId), when)
    },

    async putTargetChunk(...chunk) {
      await table.put(encodeTargetChunkItem(...chunk))
    },
    readTargetChunk: async (...chunk) =>
      await table.read(targetChunkItemKey(...chunk), decodeTargetChunkItem),
    // No item has the end itself as its key. The units are those of what goes, not of the target that stays.
    removeOlderTargets: async (groupId, targetId) =>
      await table.removeFound(between(groupKey(groupId), TARGET_PREFIX, targetKey(targetId))),

    readClaim: async (groupId, partition) =>
      openClaim(await table.read(claimItemKey(groupId, partition), decodeClaimItem)),
    async *claims(groupId) {
      for await (const standing of table.list(under(groupKey(groupId), CLAIM_PREFIX), decodeClaimItem)) {
        const claim = openClaim(standing)
        if (claim) yield claim
      }
    },
    setOwner: async (groupId, partition, ...change) =>
      toClaimChange(await table.update(claimItemKey(groupId, partition), ownerUpdate(...change))),
    commit: async (groupId, partition, ...change) =>
      toClaimChange(await table.update(claimItemKey(groupId, partition), commitUpdate(...change))),
    setPending: async (groupId, partition, ...change) =>
      toClaimChange(await table.update(claimItemKey(groupId, partition), pendingUpdate(...change))),
    resolvePending: async (groupId, partition, ...change) =>
      toClaimChange(await table.update(claimItemKey(groupId, partition), resolutionUpdate(...change))),

    async removeClaim(groupId, claim, isForGood = false) {
      const key = claimItemKey(groupId, claim)
      const close = isForGood ? undefined : closeUpdate(claim)
      const asRead = joined(isAsRead(claim), ' AND ')
      if (!close) {
        const isGone = await table.remove(
          key,
          goneOr(isForGood ? joined([asRead, IS_CLOSED], ' OR ') : asRead),
        )
        return isGone || openClaim(await table.read(key, decodeClaimItem)) === undefined
      }
      const { held, item } = await table.update(key, { ...close, when: [asRead] })
      return held || (item && openClaim(decodeClaimItem(item))) === undefined
    },

    /**
     * The group's own item goes first, so that nobody joins what is being removed. The list's entry goes last, so that a
     * removal that broke off can be seen and repeated; it stays where somebody has made the group anew meanwhile.
     */
    async removeGroup(groupId) {
      const asListed = await table.read(listedItemKey(groupId), isListedAs)
      await table.remove(groupItemKey(groupId))
      const closings: (() => Promise<unknown>)[] = []
      const isKept = (item: Item) => {
        const sortKey = sortKeyOf(item)
        if (!sortKey.startsWith(CLAIM_PREFIX)) return sortKey === GROUP_META_KEY
        const claim = decodeClaimItem(item)
        const close = closeUpdate(claim)
        if (close) closings.push(() => table.update(claimItemKey(groupId, claim), close))
        return close !== undefined
      }
      // Never the group's own item: that may be one made anew.
      await table.removeFound(under(groupKey(groupId)), isKept, CLAIM_NAMES.join(', '))
      for (let from = 0; from < closings.length; from += TABLE_BATCH_ITEMS_MAX) {
        await Promise.all(closings.slice(from, from + TABLE_BATCH_ITEMS_MAX).map(close => close()))
      }
      if (asListed) await table.remove(listedItemKey(groupId), asListed)
    },
    groups: () => table.list(under(GROUPS_KEY), sortKeyOf, { keysAnd: '' }),
  }
}

/** The group's item; of whoever was faster, if somebody was. */
async function makeGroup(table: DynamoTable, group: Group): Promise<Item> {
  const made = encodeGroupItem(group, randomUUID())
  const { held, item } = await table.put(made, NO_ITEM)
  if (!held && !item) throw new RangeError('DynamoDB refused a group without telling which one stands')
  return item ?? made
}

/** Of a claim that is to be closed. */
const CLAIM_NAMES = [...Object.values(CLAIM_ATTRIBUTES), ...Object.values(PENDING_ATTRIBUTES)]

function toClaimChange({ held, item }: Checked): ClaimChange {
  return { held, claim: item && openClaim(decodeClaimItem(item)) }
}
