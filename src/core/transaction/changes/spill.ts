import {
  PRODUCER_ENTRIES_KEPT,
  TRANSACTION_CHUNK_BYTES_MAX,
  TRANSACTION_CHUNK_ITEMS_MAX,
  TRANSACTION_INLINE_BYTES_MAX,
  TRANSACTION_RUNS_MAX,
} from '../../limits.ts'
import { countBytes, countInlineBytes, encodeEntry, entryEpoch, type IndexEntry } from '../../log/entry.ts'
import type {
  ChunkReference,
  Refusal,
  StagedChunk,
  StagedPartition,
  Transaction,
  TransactionPartition,
} from '../transaction.ts'

export interface Spilled {
  /** Names the chunks. */
  readonly transaction: Transaction
  /** To be put before the transaction is. */
  readonly chunks: readonly StagedChunk[]
}

/** Whether so much is staged in the item that it moves into chunks before it is put. */
export function isFull({ partitions }: Transaction): boolean {
  const runs = partitions.flatMap(partition => partition.runs)
  return runs.length > TRANSACTION_RUNS_MAX || countInlineBytes(runs) > TRANSACTION_INLINE_BYTES_MAX
}

/** The transaction with all that is staged in chunks. @param newId 32 hexadecimal digits, others each time */
export function spill(transaction: Transaction, newId: () => string): Spilled | Refusal {
  const chunks = chunksOf(transaction, newId)
  const count = transaction.chunks.length + chunks.length
  if (count > TRANSACTION_CHUNK_ITEMS_MAX) {
    return {
      kafkaName: 'TRANSACTION_ABORTABLE',
      message:
        'The transaction has too many produce calls in it. Abort it, and write less in one transaction, or more in each call.',
    }
  }
  const partitions = transaction.partitions.map(emptied)
  return {
    transaction: { ...transaction, partitions, chunks: [...transaction.chunks, ...chunks.map(referenceOf)] },
    chunks,
  }
}

function chunksOf({ number, partitions }: Transaction, newId: () => string): StagedChunk[] {
  const chunks: { id: string; number: number; partitions: (StagedPartition & { runs: IndexEntry[] })[] }[] =
    []
  let left = 0
  for (const { topicId, partition, runs } of partitions) {
    for (const run of runs) {
      const bytes = encodeEntry(run).length + PARTITION_BYTES_ABOUT
      if (bytes > left) {
        chunks.push({ id: newId(), number, partitions: [] })
        left = TRANSACTION_CHUNK_BYTES_MAX
      }
      left -= bytes
      const chunk = chunks.at(-1)!
      const last = chunk.partitions.at(-1)
      if (last?.topicId === topicId && last.partition === partition) last.runs.push(run)
      else chunk.partitions.push({ topicId, partition, runs: [run] })
    }
  }
  return chunks
}

/** What a partition's name takes in a chunk, and more. */
const PARTITION_BYTES_ABOUT = 64

function referenceOf({ id, partitions }: StagedChunk): ChunkReference {
  const runs = partitions.flatMap(partition => partition.runs)
  const oldest = Math.min(...runs.map(entryEpoch))
  return {
    id,
    runs: runs.length,
    bytes: countBytes(runs),
    oldestEpoch: Number.isFinite(oldest) ? oldest : undefined,
  }
}

function emptied(partition: TransactionPartition): TransactionPartition {
  if (partition.runs.length === 0) return partition
  const newest = partition.runs.slice(-PRODUCER_ENTRIES_KEPT).map(({ producers }) => {
    const { sequence, records } = producers[0]!
    return { sequence, records }
  })
  return { ...partition, runs: [], spilled: [...partition.spilled, ...newest].slice(-PRODUCER_ENTRIES_KEPT) }
}
