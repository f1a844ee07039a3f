import { OUTBOX_PREFIX, parseOutboxKey } from '../../src/core/storage-outbox.ts'
import { type PartitionId, partitionKey } from '../../src/core/topic/partition-id.ts'
import type { StreamEvent } from '../runtime/table-stream.ts'

/**
 * The partitions into whose outboxes something was put, each once. What an application has put under another key that only
 * looks like one is nothing that could be moved; it is passed over.
 */
export function filledOutboxes({ Records }: StreamEvent): PartitionId[] {
  const partitions = new Map<string, PartitionId>()
  for (const record of Records) {
    const key = record?.dynamodb?.Keys?.pk?.S
    if (typeof key !== 'string' || !key.startsWith(OUTBOX_PREFIX)) continue
    try {
      const partition = parseOutboxKey(key)
      partitions.set(partitionKey(partition), partition)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
    }
  }
  return [...partitions.values()]
}
