import type { AssignorName, Claim, CommittedOffset, Group, Member } from '../../core/group/group.ts'
import { decodeTargetChunk, encodeTargetChunk } from '../../core/group/target-chunk.ts'
import { toOffset } from '../../core/numbers.ts'
import {
  CLAIM_ATTRIBUTES,
  claimKey,
  GROUP_ATTRIBUTES,
  GROUP_META_KEY,
  GROUPS_KEY,
  groupKey,
  KEY_ATTRIBUTES,
  LISTED_GROUP_ATTRIBUTES,
  MEMBER_ATTRIBUTES,
  memberKey,
  parseClaimKey,
  parseMemberKey,
  TARGET_CHUNK_ATTRIBUTES,
  targetChunkKey,
} from '../../core/storage-layout.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { TargetChunk } from '../../ports/group-store.ts'
import { type Item, itemKey, missing, number, readNumber, readString } from './dynamo-items.ts'

/** What stands in the table for groups: an attribute for each field, and the chunks of targets as bytes. */

const ASSIGNORS: readonly string[] = [
  'range',
  'round-robin',
  'cooperative-sticky',
] satisfies readonly AssignorName[]

export function listedItemKey(groupId: string): Item {
  return itemKey(GROUPS_KEY, groupId)
}

/** @param version new with every write, so that a removal that began before is refused */
export function encodeListedItem(groupId: string, version: string): Item {
  return { ...listedItemKey(groupId), [LISTED_GROUP_ATTRIBUTES.version]: { S: version } }
}

export function groupItemKey(groupId: string): Item {
  return itemKey(groupKey(groupId), GROUP_META_KEY)
}

/** @param unlisted random; the attribute stands until the group is listed for certain */
export function encodeGroupItem(group: Group, unlisted: string): Item {
  return {
    ...groupItemKey(group.groupId),
    [GROUP_ATTRIBUTES.epoch]: number(group.epoch),
    [GROUP_ATTRIBUTES.targetId]: { S: group.targetId },
    [GROUP_ATTRIBUTES.targetChunks]: number(group.targetChunks),
    [GROUP_ATTRIBUTES.assignor]: { S: group.assignor },
    [GROUP_ATTRIBUTES.marks]: number(group.marks),
    [GROUP_ATTRIBUTES.marksSeen]: number(group.marksSeen),
    [GROUP_ATTRIBUTES.topicsDigest]: { S: group.topicsDigest },
    [GROUP_ATTRIBUTES.checkedMs]: number(group.checkedMs),
    [GROUP_ATTRIBUTES.unlisted]: { S: unlisted },
  }
}

/** @throws RangeError when the item is no group */
export function decodeGroupItem(groupId: string, item: Item): Group {
  return {
    groupId,
    epoch: readNumber(item, GROUP_ATTRIBUTES.epoch),
    targetId: readString(item, GROUP_ATTRIBUTES.targetId),
    targetChunks: readNumber(item, GROUP_ATTRIBUTES.targetChunks),
    assignor: readAssignor(item, GROUP_ATTRIBUTES.assignor),
    marks: readNumber(item, GROUP_ATTRIBUTES.marks),
    marksSeen: readNumber(item, GROUP_ATTRIBUTES.marksSeen),
    topicsDigest: readString(item, GROUP_ATTRIBUTES.topicsDigest),
    checkedMs: readNumber(item, GROUP_ATTRIBUTES.checkedMs),
  }
}

export function memberItemKey(groupId: string, memberId: string): Item {
  return itemKey(groupKey(groupId), memberKey(memberId))
}

export function encodeMemberItem(groupId: string, member: Member): Item {
  const { instanceId, topicPattern } = member
  return {
    ...memberItemKey(groupId, member.memberId),
    [MEMBER_ATTRIBUTES.incarnation]: { S: member.incarnation },
    ...(instanceId !== null && { [MEMBER_ATTRIBUTES.instanceId]: { S: instanceId } }),
    [MEMBER_ATTRIBUTES.clientId]: { S: member.clientId },
    // A list: a set must not be empty.
    [MEMBER_ATTRIBUTES.topics]: { L: member.topics.map(topic => ({ S: topic })) },
    ...(topicPattern !== null && { [MEMBER_ATTRIBUTES.topicPattern]: { S: topicPattern } }),
    [MEMBER_ATTRIBUTES.assignor]: { S: member.assignor },
    [MEMBER_ATTRIBUTES.sessionTimeoutMs]: number(member.sessionTimeoutMs),
    [MEMBER_ATTRIBUTES.joinedMs]: number(member.joinedMs),
    [MEMBER_ATTRIBUTES.leaseUntilMs]: number(member.leaseUntilMs),
    [MEMBER_ATTRIBUTES.settledEpoch]: number(member.settledEpoch),
  }
}

/** @throws RangeError when the item is no member */
export function decodeMemberItem(item: Item): Member {
  const topics = item[MEMBER_ATTRIBUTES.topics]?.L
  if (!topics) throw missing(MEMBER_ATTRIBUTES.topics)
  return {
    memberId: parseMemberKey(readString(item, KEY_ATTRIBUTES.sort)),
    incarnation: readString(item, MEMBER_ATTRIBUTES.incarnation),
    instanceId: item[MEMBER_ATTRIBUTES.instanceId]?.S ?? null,
    clientId: readString(item, MEMBER_ATTRIBUTES.clientId),
    topics: topics.map(({ S }) => {
      if (S === undefined) throw missing(MEMBER_ATTRIBUTES.topics)
      return S
    }),
    topicPattern: item[MEMBER_ATTRIBUTES.topicPattern]?.S ?? null,
    assignor: readAssignor(item, MEMBER_ATTRIBUTES.assignor),
    sessionTimeoutMs: readNumber(item, MEMBER_ATTRIBUTES.sessionTimeoutMs),
    joinedMs: readNumber(item, MEMBER_ATTRIBUTES.joinedMs),
    leaseUntilMs: readNumber(item, MEMBER_ATTRIBUTES.leaseUntilMs),
    settledEpoch: readNumber(item, MEMBER_ATTRIBUTES.settledEpoch),
  }
}

export function targetChunkItemKey(groupId: string, targetId: string, chunk: number): Item {
  return itemKey(groupKey(groupId), targetChunkKey(targetId, chunk))
}

export function encodeTargetChunkItem(
  groupId: string,
  targetId: string,
  chunk: number,
  shares: TargetChunk,
): Item {
  return {
    ...targetChunkItemKey(groupId, targetId, chunk),
    [TARGET_CHUNK_ATTRIBUTES.encoded]: { B: encodeTargetChunk(shares) },
  }
}

/** @throws RangeError when the item is no target chunk of a version that is known */
export function decodeTargetChunkItem(item: Item): TargetChunk {
  const encoded = item[TARGET_CHUNK_ATTRIBUTES.encoded]?.B
  if (!encoded) throw missing(TARGET_CHUNK_ATTRIBUTES.encoded)
  return decodeTargetChunk(encoded)
}

export function claimItemKey(groupId: string, partition: PartitionId): Item {
  return itemKey(groupKey(groupId), claimKey(partition))
}

/** @throws RangeError when the item is no claim */
export function decodeClaimItem(item: Item): Claim {
  return {
    ...parseClaimKey(readString(item, KEY_ATTRIBUTES.sort)),
    owner: item[CLAIM_ATTRIBUTES.owner]?.S ?? null,
    generation: readNumber(item, CLAIM_ATTRIBUTES.generation),
    committed: item[CLAIM_ATTRIBUTES.committedMs] ? decodeCommitted(item) : null,
  }
}

function decodeCommitted(item: Item): CommittedOffset {
  return {
    offset: toOffset(readNumber(item, CLAIM_ATTRIBUTES.offset)),
    leaderEpoch: readNumber(item, CLAIM_ATTRIBUTES.leaderEpoch),
    metadata: readString(item, CLAIM_ATTRIBUTES.metadata),
    committedMs: readNumber(item, CLAIM_ATTRIBUTES.committedMs),
  }
}

function readAssignor(item: Item, attribute: string): AssignorName {
  const name = readString(item, attribute)
  if (!ASSIGNORS.includes(name)) throw new RangeError(`an assignor "${name}" is not known`)
  return name as AssignorName
}
