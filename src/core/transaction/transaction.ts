import type { IndexEntry } from '../log/entry.ts'
import type { PartitionId } from '../topic/partition-id.ts'

/** `empty`: its producer is new, or the last one was aborted for another to take its place. */
export type TransactionState = 'empty' | 'open' | 'committing' | 'aborting' | 'committed' | 'aborted'

/** Of whom a transaction is, as Kafka knows a producer. */
export interface ProducerName {
  readonly producerId: bigint
  /** 0 to PRODUCER_EPOCHS_MAX. */
  readonly epoch: number
}

/**
 * The one mutable item of a transactional id: what its present or last transaction is about. Nothing of it is in a log before it is
 * decided, and the decision is a change of this item. Times are milliseconds since 1970 by somebody's clock: to abort is right at any
 * time, so no clock decides what is.
 */
export interface Transaction extends ProducerName {
  readonly transactionalId: string
  /** New with every put, 32 hexadecimal digits: who does not know what became of its put finds it, or another. */
  readonly version: string
  /** From which producer the present epoch was made on that one's request, so that a repetition is told it again; null: nobody asked so. */
  readonly bumpedFrom: ProducerName | null
  /** Of the present or last transaction: it grows by one with each that begins, and never goes back. 0: there was none. */
  readonly number: number
  /** Who began the present or last transaction. */
  readonly begunBy: ProducerName
  readonly state: TransactionState
  readonly timeoutMs: number
  readonly startedMs: number
  readonly updatedMs: number
  /** No object of an older ingest epoch is staged any more. */
  readonly floor: number
  /** Those of the present transaction; none once it is over. */
  readonly partitions: readonly TransactionPartition[]
  /** Where its older runs are, the oldest first. */
  readonly chunks: readonly ChunkReference[]
  /** The last sequence number that was staged under this epoch, by partition key: aborts leave it, only another epoch begins anew. */
  readonly sequences: ReadonlyMap<string, number>
  /** The claims in which it may have something pending. */
  readonly offsets: readonly PendingPlace[]
  /** The keys of partitions that have all of it, noted where finishing broke off. */
  readonly done: readonly string[]
}

export interface TransactionPartition extends PartitionId {
  /** The topic's name. */
  readonly topic: string
  /** Staged and not in a chunk, in their order. Each has exactly one run of the producer. */
  readonly runs: readonly IndexEntry[]
  /** The newest of those in chunks, for repetitions of them. */
  readonly spilled: readonly SpilledRun[]
}

export interface SpilledRun {
  readonly sequence: number
  readonly records: number
}

/** Names a chunk that stands. */
export interface ChunkReference {
  /** 32 hexadecimal digits. */
  readonly id: string
  readonly runs: number
  /** Of their batches. */
  readonly bytes: number
  /** The oldest ingest epoch of an object in it; undefined: it names no object. */
  readonly oldestEpoch: number | undefined
}

/** Staged runs that stand in an item of their own. Chunks never change; one that no transaction names counts for nothing. */
export interface StagedChunk {
  readonly id: string
  /** Of the transaction. */
  readonly number: number
  readonly partitions: readonly StagedPartition[]
}

export interface StagedPartition extends PartitionId {
  readonly runs: readonly IndexEntry[]
}

/** A claim. */
export interface PendingPlace extends PartitionId {
  readonly groupId: string
}

/** Why a transaction does not change, in Kafka's words. */
export interface Refusal {
  readonly kafkaName:
    | 'CONCURRENT_TRANSACTIONS'
    | 'DUPLICATE_SEQUENCE_NUMBER'
    | 'INVALID_PRODUCER_EPOCH'
    | 'INVALID_PRODUCER_ID_MAPPING'
    | 'INVALID_TRANSACTION_TIMEOUT'
    | 'INVALID_TXN_STATE'
    | 'KAFKA_STORAGE_ERROR'
    | 'OUT_OF_ORDER_SEQUENCE_NUMBER'
    | 'PRODUCER_FENCED'
    | 'TRANSACTION_ABORTABLE'
  readonly message: string
  /** The object of what was to be staged is of too old an ingest epoch: its bytes have to come anew. */
  readonly isBelowFloor?: true
}

/**
 * What a change makes of a transaction: another one, which bears the version of before until whoever puts it gives it a new one; the
 * very same, where there is nothing to change; or why it does not.
 */
export type Changed = Transaction | Refusal

export function isRefusal(changed: Changed): changed is Refusal {
  return 'kafkaName' in changed
}

/** The present or last transaction's name, which none ever has again. */
export function transactionIdOf({ begunBy, number }: Pick<Transaction, 'begunBy' | 'number'>): string {
  return `${begunBy.producerId}-${begunBy.epoch}-${number}`
}

/**
 * What a transaction that something elsewhere is of is to this item: the present or last one; one that may begin yet, by a step
 * that is under way; or one that is over, or never began and never will, since its producer is fenced.
 */
export function relationOf(standing: Transaction, transactionId: string): 'this' | 'to come' | 'over' {
  if (transactionId === transactionIdOf(standing)) return 'this'
  const { producerId, epoch, number } = standing
  const next = /^(-?\d+-\d+)-(\d+)$/.exec(transactionId)
  if (!next) throw new RangeError(`${transactionId} is not the id of a transaction`)
  return next[1] === `${producerId}-${epoch}` && Number(next[2]) > number ? 'to come' : 'over'
}

/** When a transaction that is open may be aborted. */
export function deadlineMs({ startedMs, timeoutMs }: Transaction): number {
  return startedMs + timeoutMs
}
