import type { Note } from './garbage.ts'
import type { ObjectPlace, SegmentPlace } from './log/entry.ts'
import type { Level } from './log/settled/segment.ts'
import { type Offset, toOffset } from './numbers.ts'
import { type PartitionId, partitionKey } from './topic/partition-id.ts'

export * from './storage-attributes.ts'
export * from './storage-classic.ts'
export * from './storage-waking.ts'

/**
 * Every name that Tidemark persists: object keys, item keys and items' attributes (storage-attributes.ts). docs/storage-layout.md says what
 * each holds and how it may change. What transactions and outboxes keep is named in storage-transactions.ts and storage-outbox.ts, which not everything
 * loads that keeps something. An item's key has two parts, as in a DynamoDB table; stores with one key
 * join them.
 */

/** What a store says of itself: the key of an object, and the name of a file in a local store's directory. */
export const FORMAT_OBJECT = 'format.json'

/** The same in the index: the two parts of an item's key. */
export const FORMAT_ITEM = { partitionKey: 'store', sortKey: 'format' } as const

/** The start of every segment's key. */
export const SEGMENT_PREFIX = 'segments/'

/**
 * An ingest segment or a flushed segment. Ids are random, so their first two digits spread the keys over
 * 256 prefixes: S3 scales its request rate by prefix, and a file system keeps its folders small.
 */
export function segmentKey(objectId: string): string {
  return `${SEGMENT_PREFIX}${objectId.slice(0, 2)}/${objectId}`
}

/** The object id in a segment's key; undefined where the key is not one. */
export function parseSegmentKey(key: string): string | undefined {
  const id = key.slice(SEGMENT_PREFIX.length + 3)
  return /^[0-9a-f]{32}$/.test(id) && segmentKey(id) === key ? id : undefined
}

/** The start of the key of every object that a commit or a flush of an epoch wrote. */
export const INGEST_PREFIX = 'ingest/'
const INGEST_EPOCH_DIGITS = 10

/** The object that a commit or a flush wrote. Those of one epoch lie together, so that they can go together. */
export function ingestKey({ epoch, object }: { epoch: number; object: string }): string {
  return epoch === 0 ? segmentKey(object) : `${ingestEpochPrefix(epoch)}${object.slice(0, 2)}/${object}`
}

/** The key of the object in which an entry lies. */
export function placeKey(place: ObjectPlace | SegmentPlace): string {
  return place.kind === 'segment' ? place.key : ingestKey(place)
}

/** The start of the keys of one epoch's objects, from 1 on. They sort as epochs do. */
export function ingestEpochPrefix(epoch: number): string {
  return `${INGEST_PREFIX}${String(epoch).padStart(INGEST_EPOCH_DIGITS, '0')}/`
}

/** What an ingest object's key says, that of a segment of epoch 0 too; undefined where the key is not one. */
export function parseIngestKey(key: string): { epoch: number; object: string } | undefined {
  const old = parseSegmentKey(key)
  if (old !== undefined) return { epoch: 0, object: old }
  const match = /^ingest\/(\d{10})\/[0-9a-f]{2}\/([0-9a-f]{32})$/.exec(key)
  if (!match) return undefined
  const found = { epoch: Number(match[1]), object: match[2]! }
  return ingestKey(found) === key ? found : undefined
}

/** The start of the key of every object that is one partition's own. */
export const LOG_OBJECTS_PREFIX = 'log/'

/** The start of the keys of all objects of a topic, or of one of its partitions. */
export function logObjectsPrefix(topicId: string, partition?: number): string {
  return `${LOG_OBJECTS_PREFIX}${topicId}/${partition === undefined ? '' : `${partition}/`}`
}

/** A segment of one partition's log, with its footer. The id is the object's alone, and never used again. */
export function logObjectKey({ topicId, partition }: PartitionId, baseOffset: Offset, id: string): string {
  return `${logObjectsPrefix(topicId, partition)}${offsetDigits(baseOffset)}-${id}`
}

/** What the key of a segment's object says; undefined where the key is not one. */
export function parseLogObjectKey(
  key: string,
): { partition: PartitionId; baseOffset: Offset; id: string } | undefined {
  const match = /^log\/([^/]+)\/(\d+)\/(\d{16})-([0-9a-f]{32})$/.exec(key)
  if (!match) return undefined
  const partition = { topicId: match[1]!, partition: Number(match[2]) }
  return { partition, baseOffset: toOffset(Number(match[3])), id: match[4]! }
}

/** An empty object that says where a log starts, for whoever makes the index anew. Of several, the highest counts. */
export function startMarkerKey(partition: PartitionId, startOffset: Offset): string {
  return `${startMarkersPrefix(partition)}${offsetDigits(startOffset)}`
}

/** The start of the keys of all such objects of a log. They sort as their offsets do. */
export function startMarkersPrefix({ topicId, partition }: PartitionId): string {
  return `${logObjectsPrefix(topicId, partition)}start-`
}

/** What such a key says; undefined where the key is not one. */
export function parseStartMarkerKey(
  key: string,
): { partition: PartitionId; startOffset: Offset } | undefined {
  const match = /^log\/([^/]+)\/(\d+)\/start-(\d{16})$/.exec(key)
  if (!match) return undefined
  const partition = { topicId: match[1]!, partition: Number(match[2]) }
  return { partition, startOffset: toOffset(Number(match[3])) }
}

/** The start of the key of every object that says that a topic was deleted. */
export const DELETED_TOPICS_PREFIX = 'deleted/'

/** It stays for ever, for whoever makes the index anew. */
export function deletedTopicKey(topicId: string): string {
  return `${DELETED_TOPICS_PREFIX}${topicId}`
}

/** What the store keeps of its ingest epochs: the two parts of an item's key. */
export const INGEST_ITEM = { partitionKey: 'store', sortKey: 'ingest' } as const

/** The partition key of the leases on work that only one process need do. */
export const LEASES_KEY = 'store'

/** A lease's sort key. */
export function leaseKey(name: string): string {
  return `lease#${name}`
}

/** The partition key of the notes of objects that are to be deleted, or may have to be. */
export const GARBAGE_KEY = 'garbage'

/** What the sort keys of all notes of a kind begin with. */
export function notesPrefix(kind: Note['kind']): string {
  return `${kind}#`
}

/** A note's sort key; `dead` ones sort as their times do. */
export function noteKey(note: Note): string {
  if (note.kind === 'intent') return `intent#${note.key}`
  if (note.kind === 'dead') return `${deadNotesEnd(note.notedMs)}#${note.id}#${note.key}`
  return `topic#${note.topicId}`
}

/** Sorts behind all notes of dead objects that were noted before this time, and before all others. */
export function deadNotesEnd(untilMs: number): string {
  return `dead#${String(untilMs).padStart(TIME_DIGITS, '0')}`
}

const TIME_DIGITS = 16

/** What an intent's or a dead one's sort key says beside the members of the note. @throws RangeError when it is no note's */
export function parseNoteKey(
  sortKey: string,
):
  | { kind: 'intent'; key: string }
  | { kind: 'dead'; notedMs: number; id: string; key: string }
  | { kind: 'topic'; topicId: string } {
  const dead = /^dead#(\d{16})#([0-9a-f]{8})#(.+)$/.exec(sortKey)
  if (dead) return { kind: 'dead', notedMs: Number(dead[1]), id: dead[2]!, key: dead[3]! }
  const other = /^(intent|topic)#(.+)$/.exec(sortKey)
  if (!other) throw new RangeError(`${sortKey} is not the key of a note`)
  return other[1] === 'intent' ? { kind: 'intent', key: other[2]! } : { kind: 'topic', topicId: other[2]! }
}

/** The topic items' partition key; each item's sort key is the topic's name. */
export const TOPICS_KEY = 'topics'

/** The partition key of one log's items. */
export function logKey(id: PartitionId): string {
  return `${LOG_PREFIX}${partitionKey(id)}`
}

/** The start of every log's partition key. */
export const LOG_PREFIX = 'log#'

/** @throws RangeError when the key is not a log's */
export function parseLogKey(key: string): PartitionId {
  return parsePartition(LOG_PREFIX, key, 'a log')
}

function parsePartition(prefix: string, key: string, what: string): PartitionId {
  const match = key.startsWith(prefix) && /^([^#]+)#(\d+)$/.exec(key.slice(prefix.length))
  if (!match) throw new RangeError(`${key} is not the key of ${what}`)
  return { topicId: match[1]!, partition: Number(match[2]) }
}

/** The head's sort key. */
export const HEAD_KEY = 'head'

const BLOCK_PREFIX = 'block#'
const OFFSET_DIGITS = 16 // 2^53 has sixteen

/** A block's sort key: zero-padded, so that keys sort as offsets do. */
export function blockKey(baseOffset: Offset): string {
  return `${BLOCK_PREFIX}${offsetDigits(baseOffset)}`
}

function offsetDigits(offset: Offset): string {
  return String(offset).padStart(OFFSET_DIGITS, '0')
}

/** @throws RangeError when the key is not a block's */
export function parseBlockKey(key: string): Offset {
  const match = /^block#(\d{16})$/.exec(key)
  if (!match) throw new RangeError(`${key} is not the key of a block`)
  return toOffset(Number(match[1]))
}

const ROLLED_PREFIX = 'segment#'
/** The start of every merged segment's sort key. */
export const MERGED_PREFIX = 'merged#'
const GENERATION_DIGITS = 10

/** What the sort keys of all segments of one level begin with. */
export function levelPrefix(level: Level): string {
  if (level === 'rolled') return ROLLED_PREFIX
  return `${MERGED_PREFIX}${String(level).padStart(GENERATION_DIGITS, '0')}#`
}

/** A segment's sort key: those of one level sort as their offsets do. */
export function levelKey(level: Level, baseOffset: Offset): string {
  return `${levelPrefix(level)}${offsetDigits(baseOffset)}`
}

/** @throws RangeError when the key is not a segment's */
export function parseLevelKey(key: string): { level: Level; baseOffset: Offset } {
  const match = /^(?:segment|merged#(\d{10}))#(\d{16})$/.exec(key)
  if (!match) throw new RangeError(`${key} is not the key of a segment`)
  return {
    level: match[1] === undefined ? 'rolled' : Number(match[1]),
    baseOffset: toOffset(Number(match[2])),
  }
}

/** Sorts before the sort keys of all merged segments, and behind the head's. Sort keys: block, head, merged, producer, segment. */
export const BEHIND_HEAD = `${HEAD_KEY}!`

/** The start of every producer's sort key. */
export const PRODUCER_PREFIX = 'producer#'

/** The sort key of an idempotent producer's item: its id in decimal. It sorts behind the head. */
export function producerKey(producerId: bigint): string {
  return `${PRODUCER_PREFIX}${producerId}`
}

/** Sorts behind the sort keys of all of a log's items. No item has it. */
export const LOG_END = 'segment~'

/** The partition key of the groups' list; each item's sort key is a group's id as it is. */
export const GROUPS_KEY = 'groups'

/** The start of every group's partition key. */
export const GROUP_PREFIX = 'group#'

/**
 * The partition key of one group's items. A group's id can be any string: what the key's own parts are told apart by is
 * written as in a URL.
 * @throws RangeError where the id has half a surrogate pair, which no store of UTF-8 can keep
 */
export function groupKey(groupId: string): string {
  return `${GROUP_PREFIX}${escapeGroupId(groupId)}`
}

function escapeGroupId(groupId: string): string {
  if (!groupId.isWellFormed()) throw new RangeError('a group id is no well-formed Unicode')
  return groupId.replace(/[%#/]/g, encodeURIComponent)
}

/** The sort key of a group's own item. */
export const GROUP_META_KEY = 'meta'

/** The start of every member's sort key. */
export const MEMBER_PREFIX = 'member#'

/** A member's sort key. @throws RangeError where the id has half a surrogate pair */
export function memberKey(memberId: string): string {
  if (!memberId.isWellFormed()) throw new RangeError('a member id is no well-formed Unicode')
  return `${MEMBER_PREFIX}${memberId}`
}

/** @throws RangeError when the key is not a member's */
export function parseMemberKey(key: string): string {
  if (!key.startsWith(MEMBER_PREFIX)) throw new RangeError(`${key} is not the key of a member`)
  return key.slice(MEMBER_PREFIX.length)
}

/** The start of every target chunk's sort key. */
export const TARGET_PREFIX = 'target#'
const EPOCH_DIGITS = 16

/**
 * The id of the target of one epoch. Ids sort as epochs do, so that older ones can be told from later ones.
 * @param id random: several may work out the target of the same epoch
 */
export function targetIdOf(epoch: number, id: string): string {
  return `${String(epoch).padStart(EPOCH_DIGITS, '0')}-${id}`
}

/** Sorts before the keys of this target's chunks, and behind those of all older ones. @throws RangeError when it is no target's id */
export function targetKey(targetId: string): string {
  if (!/^\d{16}-[0-9a-f]{32}$/.test(targetId)) throw new RangeError(`"${targetId}" is not the id of a target`)
  return `${TARGET_PREFIX}${targetId}`
}

/** A target chunk's sort key. @throws RangeError when it is no target's id */
export function targetChunkKey(targetId: string, chunk: number): string {
  return `${targetKey(targetId)}#${chunk}`
}

/** The start of every claim's sort key. */
export const CLAIM_PREFIX = 'claim#'

/** A claim's sort key. */
export function claimKey(id: PartitionId): string {
  return `${CLAIM_PREFIX}${partitionKey(id)}`
}

/** Sorts behind the sort keys of all of a group's items. No item has it. */
export const GROUP_END = 'target~'

/** @throws RangeError when the key is not a claim's */
export function parseClaimKey(key: string): PartitionId {
  return parsePartition(CLAIM_PREFIX, key, 'a claim')
}

/** The partition key of all triggers. */
export const TRIGGERS_KEY = 'triggers'

/** A trigger's sort key. @throws RangeError where the group id has half a surrogate pair */
export function triggerKey({ groupId, topic }: { groupId: string; topic: string }): string {
  return `${groupTriggersPrefix(groupId)}${topic}`
}

/** What the sort keys of one group's triggers begin with. @throws RangeError as triggerKey */
export function groupTriggersPrefix(groupId: string): string {
  return `${escapeGroupId(groupId)}#`
}

/** @throws RangeError when the key is not a trigger's */
export function parseTriggerKey(key: string): { groupId: string; topic: string } {
  const match = /^([^#/]*)#([^#]*)$/.exec(key)
  if (!match) throw new RangeError(`${key} is not the key of a trigger`)
  const [, group = '', topic = ''] = match
  const groupId = group.replace(/%(25|23|2F)/g, decodeURIComponent)
  if (triggerKey({ groupId, topic }) !== key) throw new RangeError(`${key} is not the key of a trigger`)
  return { groupId, topic }
}
