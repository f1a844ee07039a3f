import { TRANSACTION_OFFSET_ITEMS_MAX } from '../../limits.ts'
import { partitionKey } from '../../topic/partition-id.ts'
import { type Caller, fence } from '../fence.ts'
import type { Changed, PendingPlace, Transaction } from '../transaction.ts'
import { inOpen } from './begin.ts'

/** Notes in which claims the open transaction, or the next one that this begins, has offsets pending. None: it only begins. */
export function addOffsets(
  standing: Transaction,
  caller: Caller,
  places: readonly PendingPlace[],
  nowMs: number,
): Changed {
  return fence(standing, caller) ?? inOpen(standing, caller, nowMs, open => withOffsets(open, places))
}

function withOffsets(open: Transaction, places: readonly PendingPlace[]): Changed {
  const known = new Set(open.offsets.map(placeKey))
  const added = new Map(places.map(each => [placeKey(each), each]))
  for (const key of known) added.delete(key)
  if (added.size === 0) return open
  const count = known.size + added.size
  if (count > TRANSACTION_OFFSET_ITEMS_MAX) {
    return {
      kafkaName: 'TRANSACTION_ABORTABLE',
      message: `A transaction that commits ${count} partitions' offsets is above the limit of ${TRANSACTION_OFFSET_ITEMS_MAX}.`,
    }
  }
  const more = [...added.values()].map(({ groupId, topicId, partition }) => ({ groupId, topicId, partition }))
  return { ...open, offsets: [...open.offsets, ...more] }
}

/** A claim's place as one string. */
export function placeKey(place: PendingPlace): string {
  return `${partitionKey(place)}#${place.groupId}`
}
