import type { IndexEntry } from '../log/entry.ts'
import { type PartitionId, partitionKey } from '../topic/partition-id.ts'
import type { StagedChunk, StagedPartition, Transaction } from './transaction.ts'

/** All that a transaction has staged, by partition key, in order; partitions with nothing are left out. @param chunks all that it names, in their order */
export function stagedRuns(
  { partitions }: Pick<Transaction, 'partitions'>,
  chunks: readonly StagedChunk[],
): Map<string, StagedPartition> {
  const staged = new Map<string, PartitionId & { readonly runs: IndexEntry[] }>()
  for (const { topicId, partition, runs } of [...chunks.flatMap(chunk => chunk.partitions), ...partitions]) {
    if (runs.length === 0) continue
    const key = partitionKey({ topicId, partition })
    const known = staged.get(key)
    if (known) known.runs.push(...runs)
    else staged.set(key, { topicId, partition, runs: [...runs] })
  }
  return staged
}
