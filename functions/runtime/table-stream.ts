import type { TriggerName } from '../../src/contract/triggers.ts'
import {
  HEAD_KEY,
  LOG_PREFIX,
  parseLogKey,
  parseTriggerKey,
  TRIGGERS_KEY,
} from '../../src/core/storage-layout.ts'
import { TRANSACTION_PREFIX, TRANSACTION_STATE_KEY } from '../../src/core/storage-transactions.ts'
import { type PartitionId, partitionKey } from '../../src/core/topic/partition-id.ts'

/** A record of the table's stream, as far as it is looked at: the key of what changed. */
interface StreamRecord {
  /** The same however often the record comes. */
  readonly eventID?: string
  readonly dynamodb?: { readonly Keys?: Readonly<Record<string, { readonly S?: string } | undefined>> }
}

export interface StreamEvent {
  readonly Records: readonly StreamRecord[]
}

export function isStreamEvent(event: unknown): event is StreamEvent {
  return Array.isArray((event as StreamEvent | null)?.Records)
}

/** What a batch names, each once. */
interface Changed {
  /** Whose heads have changed. */
  readonly partitions: PartitionId[]
  readonly triggers: TriggerName[]
  /** Partition keys of the items of transactions. */
  readonly transactions: string[]
}

/**
 * What a batch names; blocks and topics, which change too, are nothing that anybody here is woken for, also where a topic or a group is
 * called as a head's key is, or an application has put that into an outbox. A record that
 * cannot be read is handed to `onUnknown` and passed over: to fail for it would hold up all that come behind it, for
 * as long as the stream keeps it.
 */
export function changedIn({ Records }: StreamEvent, onUnknown: (record: unknown) => void): Changed {
  const partitions = new Map<string, PartitionId>()
  const triggers = new Map<string, TriggerName>()
  const transactions = new Set<string>()
  for (const record of Records) {
    const key = record?.dynamodb?.Keys?.pk?.S
    const sortKey = record?.dynamodb?.Keys?.sk?.S
    try {
      if (typeof key !== 'string' || typeof sortKey !== 'string') throw new RangeError('there is no key')
      if (key === TRIGGERS_KEY) triggers.set(sortKey, parseTriggerKey(sortKey))
      else if (sortKey === HEAD_KEY && key.startsWith(LOG_PREFIX)) {
        const partition = parseLogKey(key)
        partitions.set(partitionKey(partition), partition)
      } else if (sortKey === TRANSACTION_STATE_KEY && key.startsWith(TRANSACTION_PREFIX)) {
        transactions.add(key)
      }
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      onUnknown(record)
    }
  }
  return {
    partitions: [...partitions.values()],
    triggers: [...triggers.values()],
    transactions: [...transactions],
  }
}
