import { type PartitionId, partitionKey } from './topic/partition-id.ts'

/** The names of what outboxes keep, as storage-layout.ts has those of all else. */

/**
 * The start of the partition keys of all items that wait in outboxes. Applications write under it, with nothing in between: so it is
 * a prefix of its own, and nothing else of the store stands under it.
 */
export const OUTBOX_PREFIX = 'outbox#'

/** The partition key of what waits to be moved into one partition; each item's sort key is an OutboxKey. */
export function outboxKey(id: PartitionId): string {
  return `${OUTBOX_PREFIX}${partitionKey(id)}`
}

/** Ids of topics are UUIDs. One that an application has made up may be of any length, and a lane's key may not. */
const TOPIC_ID_CHARACTERS_MAX = 36

/** @throws RangeError when the key is not an outbox's */
export function parseOutboxKey(key: string): PartitionId {
  const [, topicId = '', digits] = /^outbox#([^#]+)#(\d+)$/.exec(key) ?? []
  const partition = { topicId, partition: Number(digits) }
  if (topicId.length <= TOPIC_ID_CHARACTERS_MAX && outboxKey(partition) === key) return partition
  throw new RangeError(`${key} is not the key of an outbox`)
}

/** The start of the partition keys of all items that could not be moved. */
export const OUTBOX_FAILED_PREFIX = 'outbox-failed#'

/** The partition key of what could not be moved into one partition, under the sort keys that it had. */
export function outboxFailedKey(id: PartitionId): string {
  return `${OUTBOX_FAILED_PREFIX}${partitionKey(id)}`
}

/** The partition key of all lanes, one for each partition that ever had something in its outbox. */
export const OUTBOX_LANES_KEY = 'outbox-lanes'

/** A lane's sort key. */
export function outboxLaneKey(id: PartitionId): string {
  return partitionKey(id)
}

/** @throws RangeError when the key is not a lane's */
export function parseOutboxLaneKey(key: string): PartitionId {
  return parseOutboxKey(`${OUTBOX_PREFIX}${key}`)
}

/** The attributes of an item in an outbox in a DynamoDB table: applications write them. */
export const OUTBOX_ATTRIBUTES = { topic: 'topic', batch: 'batch', createdMs: 'createdMs' } as const

/** What one that could not be moved has beside them. */
export const OUTBOX_FAILED_ATTRIBUTES = { error: 'error', reason: 'reason', parkedMs: 'parkedMs' } as const

/** A lane's attributes in a DynamoDB table. Expressions spell out `version` only. */
export const OUTBOX_LANE_ATTRIBUTES = { version: 'version', encoded: 'encoded' } as const
