import { randomUUID } from 'node:crypto'
import { isClosed, openClaim } from '../../core/group/claim.ts'
import type { Claim, Group, Member } from '../../core/group/group.ts'
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
import type { GroupStore } from '../../ports/group-store.ts'
import { classicGroupsOver, decodeGroup, encodeGroup } from './classic-groups.ts'
import type { Decisions } from './decisions.ts'
import { endOf, type Items, joinKey, removal, splitKey } from './items.ts'
import { encodeJson, TypedItems } from './typed-items.ts'

/** An entry of the list of groups: new with each write. Those that older versions made have no version. */
interface Listed {
  readonly version?: string
}

/** Groups over sorted items: chunks of targets as bytes, everything else as JSON. */
export function groupsOver(items: Items, decisions: Decisions): GroupStore {
  const groups = new TypedItems<Group>(items, encodeGroup, decodeGroup)
  const members = new TypedItems<Member>(items)
  const claims = new TypedItems<Claim>(items)
  const chunks = new TypedItems(items, encodeTargetChunk, decodeTargetChunk)
  const listed = new TypedItems<Listed>(items)

  const list = (groupId: string) => listed.put(listedKey(groupId), { version: randomUUID() })

  const changeGroup = async (groupId: string, change: (group: Group) => Group | undefined) => {
    const { changed } = await groups.change(metaKey(groupId), group => group && change(group))
    return changed !== undefined
  }

  const changeClaim = async (
    groupId: string,
    partition: PartitionId,
    change: (claim: Claim | undefined) => Claim | undefined,
  ) => {
    const { standing, changed } = await claims.change(itemKey(groupId, claimKey(partition)), change)
    // Where it was refused, the very claim that refused it.
    return { held: changed !== undefined, claim: changed ?? openClaim(standing) }
  }

  /** Closes the claims that somebody owned, and removes the others. */
  const removeClaims = async (groupId: string) => {
    const [first, end] = [itemKey(groupId, CLAIM_PREFIX), itemKey(groupId, endOf(CLAIM_PREFIX))]
    const toClose: string[] = []
    const toRemove: { start: string; end: string }[] = []
    let start: string | undefined
    for (const claim of await claims.range(first, end)) {
      const key = itemKey(groupId, claimKey(claim))
      if (!decisions.closeClaim(claim)) {
        start ??= key
        continue
      }
      if (start !== undefined) toRemove.push({ start, end: key })
      start = undefined
      // A removal that broke off has closed some.
      if (!isClosed(claim)) toClose.push(key)
    }
    if (start !== undefined) toRemove.push({ start, end })
    for (const range of toRemove) await items.removeRange(range.start, range.end)
    const close = (standing: Claim | undefined) => standing && decisions.closeClaim(standing)
    await Promise.all(toClose.map(key => claims.change(key, close)))
  }

  return {
    ...classicGroupsOver(items, groups, metaKey, decisions),
    /**
     * A group that is there is listed, however it meets its removal: its entry in the list is written after the group, and
     * new each time, so that a removal which began before leaves it alone. And before, so that a crash in between leaves
     * a name without a group, and not the other way round.
     */
    createGroup: async (groupId, assignor) => {
      if (!(await groups.read(metaKey(groupId)))) await list(groupId)
      await groups.change(metaKey(groupId), group => (group ? undefined : newGroup(groupId, assignor)))
      await list(groupId)
    },
    readGroup: async groupId => await groups.read(metaKey(groupId)),
    markGroup: groupId => changeGroup(groupId, applyMark),
    winCheck: (groupId, expectedMs, nowMs) =>
      changeGroup(groupId, group => applyCheck(group, expectedMs, nowMs)),
    setTarget: group => changeGroup(group.groupId, standing => applyTarget(standing, group)),
    putMember: async (groupId, member) =>
      await members.put(itemKey(groupId, memberKey(member.memberId)), member),
    renewLease: async (groupId, memberId, { leaseUntilMs, settledEpoch }) => {
      const { changed } = await members.change(
        itemKey(groupId, memberKey(memberId)),
        member => member && { ...member, leaseUntilMs, settledEpoch },
      )
      return changed
    },
    shortenLease: async (groupId, memberId, expectedMs, leaseUntilMs) => {
      const { changed } = await members.change(itemKey(groupId, memberKey(memberId)), member =>
        member?.leaseUntilMs === expectedMs ? { ...member, leaseUntilMs } : undefined,
      )
      return changed !== undefined
    },
    readMember: async (groupId, memberId) => await members.read(itemKey(groupId, memberKey(memberId))),
    members: groupId => members.all(itemKey(groupId, MEMBER_PREFIX)),
    removeMember: async (groupId, memberId, leaseUntilMs) => {
      const isExpected = (member: Member) =>
        leaseUntilMs === undefined || member.leaseUntilMs === leaseUntilMs
      return (await members.remove(itemKey(groupId, memberKey(memberId)), isExpected)) !== 'kept'
    },
    putTargetChunk: async (groupId, targetId, chunk, shares) =>
      await chunks.put(itemKey(groupId, targetChunkKey(targetId, chunk)), shares),
    readTargetChunk: async (groupId, targetId, chunk) =>
      await chunks.read(itemKey(groupId, targetChunkKey(targetId, chunk))),
    removeOlderTargets: async (groupId, targetId) =>
      await items.removeRange(itemKey(groupId, TARGET_PREFIX), itemKey(groupId, targetKey(targetId))),
    readClaim: async (groupId, partition) =>
      openClaim(await claims.read(itemKey(groupId, claimKey(partition)))),
    claims: async function* (groupId) {
      for await (const standing of claims.all(itemKey(groupId, CLAIM_PREFIX))) {
        const claim = openClaim(standing)
        if (claim) yield claim
      }
    },
    setOwner: (groupId, partition, owner, expected, firstGeneration) =>
      changeClaim(groupId, partition, claim =>
        decisions.applyOwner(partition, claim, owner, expected, firstGeneration),
      ),
    commit: (groupId, partition, committed, by, seenMs) =>
      changeClaim(groupId, partition, claim =>
        decisions.applyCommit(partition, claim, committed, by, seenMs),
      ),
    setPending: (groupId, partition, pending, by, seen, seenMs) =>
      changeClaim(groupId, partition, claim =>
        decisions.applyPending(partition, claim, pending, by, seen, seenMs),
      ),
    resolvePending: (groupId, partition, version, committed) =>
      changeClaim(groupId, partition, claim => decisions.applyResolution(claim, version, committed)),
    removeClaim: async (groupId, claim, isForGood = false) => {
      const key = itemKey(groupId, claimKey(claim))
      return await items.update(key, bytes => {
        const standing = bytes && openClaim(claims.meaning(bytes, key))
        if (!standing) return { isRemoved: isForGood, answer: true }
        if (!decisions.mayRemoveClaim(standing, claim)) return { answer: false }
        const closed = isForGood ? undefined : decisions.closeClaim(standing)
        return { put: closed && encodeJson(closed), isRemoved: !closed, answer: true }
      })
    },
    /**
     * The group's own item goes first, so that nobody joins what is being removed. The list's entry goes last, so that a
     * removal that broke off can be seen and repeated; it stays where somebody has made the group anew meanwhile.
     */
    removeGroup: async groupId => {
      const [prefix, meta] = [itemKey(groupId, ''), metaKey(groupId)]
      const before = await listed.read(listedKey(groupId))
      await items.update(meta, removal)
      await removeClaims(groupId)
      // Not the group's own item any more: that may be one made anew.
      await items.removeRange(itemKey(groupId, endOf(CLAIM_PREFIX)), meta)
      await items.removeRange(endOf(meta), endOf(prefix))
      if (before) await listed.remove(listedKey(groupId), ({ version }) => version === before.version)
    },
    groups: async function* () {
      const prefix = listedKey('')
      for (const { key } of await items.range(prefix, endOf(prefix))) yield splitKey(key).sortKey
    },
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
