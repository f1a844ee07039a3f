import { type PartitionId, partitionKey } from './topic/partition-id.ts'

/** The names of what is kept of listeners; storage-layout.ts hands them out. */

/**
 * By what tickets of listeners are signed: the two parts of an item's key. The first part is its own, so that whoever makes it can be
 * let write nothing else.
 */
export const WAKING_KEY_ITEM = { partitionKey: 'waking', sortKey: 'key' } as const

/** The start of the partition keys of all items of listeners. */
export const LISTENERS_PREFIX = 'wake#'

/** The partition key of those who are to be woken by one partition; each item's sort key is a socket's id. */
export function listenersKey(id: PartitionId): string {
  return `${LISTENERS_PREFIX}${partitionKey(id)}`
}

/** The sort key of the item that says that too many listen there. No socket has such an id. */
export const CROWDED_KEY = '!crowded'
