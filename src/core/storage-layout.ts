import type { PartitionId } from './log/partition-id.ts'
import { type Offset, toOffset } from './numbers.ts'

/**
 * Every name that Tidemark persists: object keys, item keys and items' attributes. docs/storage-layout.md says what
 * each holds and how it may change. An item's key has two parts, as in a DynamoDB table; stores with one key
 * join them.
 */

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

/** The topic items' partition key; each item's sort key is the topic's name. */
export const TOPICS_KEY = 'topics'

/** The partition key of one log's items. */
export function logKey(id: PartitionId): string {
  return `${LOG_PREFIX}${id.topicId}#${id.partition}`
}

/** The start of every log's partition key. */
export const LOG_PREFIX = 'log#'

/** @throws RangeError when the key is not a log's */
export function parseLogKey(key: string): PartitionId {
  const match = /^log#([^#]+)#(\d+)$/.exec(key)
  if (!match) throw new RangeError(`${key} is not the key of a log`)
  return { topicId: match[1]!, partition: Number(match[2]) }
}

/** The head's sort key. */
export const HEAD_KEY = 'head'

const BLOCK_PREFIX = 'block#'
const OFFSET_DIGITS = 16 // 2^53 has sixteen

/** A block's sort key: zero-padded, so that keys sort as offsets do. */
export function blockKey(baseOffset: Offset): string {
  return `${BLOCK_PREFIX}${String(baseOffset).padStart(OFFSET_DIGITS, '0')}`
}

/** @throws RangeError when the key is not a block's */
export function parseBlockKey(key: string): Offset {
  const match = /^block#(\d{16})$/.exec(key)
  if (!match) throw new RangeError(`${key} is not the key of a block`)
  return toOffset(Number(match[1]))
}

/** The attributes of an item's key in a DynamoDB table, both strings. */
export const KEY_ATTRIBUTES = { partition: 'pk', sort: 'sk' } as const

/**
 * A head's attributes in a DynamoDB table. Names count as bytes of an item that every append pays for, and none is
 * one of DynamoDB's reserved words, so that expressions can spell them out.
 */
export const HEAD_ATTRIBUTES = {
  version: 'v',
  startOffset: 'startOffset',
  tailOffset: 'tailOffset',
  nextOffset: 'nextOffset',
  tail: 'tail',
  flushedBytes: 'flushedBytes',
  flushedMaxTimestampMs: 'flushedMaxMs',
  producers: 'producers',
  flushedProducers: 'flushedProducers',
} as const

/** A block's attribute in a DynamoDB table. */
export const BLOCK_ATTRIBUTES = { encoded: 'encoded' } as const

/** A topic's attributes in a DynamoDB table; its name is the item's sort key. Expressions spell out `version` only. */
export const TOPIC_ATTRIBUTES = {
  topicId: 'topicId',
  partitions: 'partitions',
  configs: 'configs',
  createdMs: 'createdMs',
  state: 'state',
  version: 'version',
} as const
