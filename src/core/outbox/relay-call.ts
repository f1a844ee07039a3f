import { isObject } from '../json.ts'
import type { PartitionId } from '../topic/partition-id.ts'

/** What a relay is called for: partitions in whose outboxes something has come; or to look, at those that it knows or at all. */
export type RelayCall = { readonly partitions: readonly PartitionId[] } | { readonly look: 'known' | 'all' }

/** Partitions that one call names, at most: their ids are as long as UUIDs are. */
const PARTITIONS_PER_CALL_MAX = 1_000

/** Calls that are small enough to be handed on each. */
export function relayCalls(partitions: readonly PartitionId[]): RelayCall[] {
  const calls: RelayCall[] = []
  for (let start = 0; start < partitions.length; start += PARTITIONS_PER_CALL_MAX) {
    calls.push({ partitions: partitions.slice(start, start + PARTITIONS_PER_CALL_MAX) })
  }
  return calls
}

/** The call that an event is; one that is none is a look at what is known, which does no harm. */
export function parseRelayCall(event: unknown): RelayCall {
  if (!isObject(event)) return { look: 'known' }
  const { partitions, look } = event
  if (Array.isArray(partitions)) return { partitions: partitions.filter(isPartition) }
  return { look: look === 'all' ? 'all' : 'known' }
}

function isPartition(value: unknown): value is PartitionId {
  if (!isObject(value)) return false
  const { topicId, partition } = value
  return typeof topicId === 'string' && Number.isSafeInteger(partition)
}
