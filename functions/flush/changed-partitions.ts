import { HEAD_KEY, parseLogKey } from '../../src/core/storage-layout.ts'
import { type PartitionId, partitionKey } from '../../src/core/topic/partition-id.ts'

/** A record of the table's stream, as far as it is looked at: the key of what changed. */
interface StreamRecord {
  /** The same however often the record comes. */
  readonly eventID?: string
  readonly dynamodb?: { readonly Keys?: Readonly<Record<string, { readonly S?: string } | undefined>> }
}

/** A batch of the table's stream. */
export interface StreamEvent {
  readonly Records: readonly StreamRecord[]
}

export function isStreamEvent(event: unknown): event is StreamEvent {
  return Array.isArray((event as StreamEvent | null)?.Records)
}

/**
 * The partitions whose heads a batch names, each once. A record that names none is handed to `onUnknown` and passed
 * over: to fail for it would hold up all that come behind it, for as long as the stream keeps it.
 */
export function changedPartitions(
  { Records }: StreamEvent,
  onUnknown: (record: unknown) => void,
): PartitionId[] {
  const partitions = new Map<string, PartitionId>()
  for (const record of Records) {
    const partition = partitionOf(record)
    if (partition === 'unknown') onUnknown(record)
    else if (partition !== 'no head') partitions.set(partitionKey(partition), partition)
  }
  return [...partitions.values()]
}

function partitionOf(record: StreamRecord | null | undefined): PartitionId | 'no head' | 'unknown' {
  const key = record?.dynamodb?.Keys?.pk?.S
  const sortKey = record?.dynamodb?.Keys?.sk?.S
  if (typeof key !== 'string' || typeof sortKey !== 'string') return 'unknown'
  // Blocks and topics change, too; the mapping's filter keeps most of them away.
  if (sortKey !== HEAD_KEY) return 'no head'
  try {
    return parseLogKey(key)
  } catch (error) {
    if (error instanceof RangeError) return 'unknown'
    throw error
  }
}
