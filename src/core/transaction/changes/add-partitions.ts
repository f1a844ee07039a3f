import { TRANSACTION_PARTITIONS_MAX, TRANSACTION_SEQUENCE_ITEMS_MAX } from '../../limits.ts'
import { type PartitionId, partitionKey } from '../../topic/partition-id.ts'
import { type Caller, fence } from '../fence.ts'
import type { Changed, Refusal, Transaction, TransactionPartition } from '../transaction.ts'
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

function withPartitions(open: Transaction, partitions: readonly NamedPartition[]): Changed {
  const known = new Set(open.partitions.map(partitionKey))
  const added = new Map(partitions.map(each => [partitionKey(each), each]))
  for (const key of known) added.delete(key)
  if (added.size === 0) return open
  const unknown = [...added.keys()].filter(key => !open.sequences.has(key)).length
  const refused = tooManyPartitions(known.size + added.size, open.sequences.size + unknown)
  return refused ?? { ...open, partitions: [...open.partitions, ...[...added.values()].map(newPartition)] }
}

/**
 * @param count of the transaction's partitions
 * @param numbered how many its producer has written to, with these
 */
export function tooManyPartitions(count: number, numbered: number): Refusal | undefined {
  if (count > TRANSACTION_PARTITIONS_MAX) {
    return tooMany(
      `A transaction of ${count} partitions is above the limit of ${TRANSACTION_PARTITIONS_MAX}.`,
    )
  }
  if (numbered <= TRANSACTION_SEQUENCE_ITEMS_MAX) return undefined
  return tooMany(
    `A producer that has written to ${numbered} partitions is above the limit of ` +
      `${TRANSACTION_SEQUENCE_ITEMS_MAX}. Abort the transaction, and go on with another producer of this transactional id.`,
  )
}

/** With nothing staged yet. */
export function newPartition({ topicId, topic, partition }: NamedPartition): TransactionPartition {
  return { topicId, topic, partition, runs: [], spilled: [] }
}

function tooMany(message: string) {
  return { kafkaName: 'TRANSACTION_ABORTABLE', message } as const
}
