import { TRANSACTION_PARTITIONS_MAX, TRANSACTION_SEQUENCE_ITEMS_MAX } from '../../limits.ts'
import { type PartitionId, partitionKey } from '../../topic/partition-id.ts'
import { type Caller, fence } from '../fence.ts'
import type { Changed, Transaction } from '../transaction.ts'
import { inOpen } from './begin.ts'

export interface NamedPartition extends PartitionId {
  /** The topic's name. */
  readonly topic: string
}

/** Adds partitions to the open transaction, or begins the next one with them. */
export function addPartitions(
  standing: Transaction,
  caller: Caller,
  partitions: readonly NamedPartition[],
  nowMs: number,
): Changed {
  return fence(standing, caller) ?? inOpen(standing, caller, nowMs, open => withPartitions(open, partitions))
}

export function withPartitions(open: Transaction, partitions: readonly NamedPartition[]): Changed {
  const known = new Set(open.partitions.map(partitionKey))
  const added = new Map(partitions.map(each => [partitionKey(each), each]))
  for (const key of known) added.delete(key)
  if (added.size === 0) return open
  const count = known.size + added.size
  if (count > TRANSACTION_PARTITIONS_MAX) {
    return tooMany(
      `A transaction of ${count} partitions is above the limit of ${TRANSACTION_PARTITIONS_MAX}.`,
    )
  }
  const unknown = [...added.keys()].filter(key => !open.sequences.has(key)).length
  if (open.sequences.size + unknown > TRANSACTION_SEQUENCE_ITEMS_MAX) {
    return tooMany(
      `A producer that has written to ${open.sequences.size + unknown} partitions is above the limit of ` +
        `${TRANSACTION_SEQUENCE_ITEMS_MAX}. Abort the transaction, and go on with another producer of this transactional id.`,
    )
  }
  const more = [...added.values()].map(({ topicId, topic, partition }) => ({
    topicId,
    topic,
    partition,
    runs: [],
    spilled: [],
  }))
  return { ...open, partitions: [...open.partitions, ...more] }
}

function tooMany(message: string) {
  return { kafkaName: 'TRANSACTION_ABORTABLE', message } as const
}
