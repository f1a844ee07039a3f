import type { Offset } from '../core/numbers.ts'
import type { CallOptions } from './broker.ts'
import type { CommittedPartition, OffsetToCommit } from './groups.ts'

/**
 * Transactions: records of several partitions, and committed offsets of groups, all or nothing. Batches are staged outside of
 * the logs; nothing of a transaction is in a log, nor in anybody's sight, before it is decided, and nothing of one that is
 * aborted ever is. Any broker serves any call. Every method rejects with a TidemarkError, by Kafka's names:
 *
 * PRODUCER_FENCED and INVALID_PRODUCER_EPOCH (another has taken the transactional id over: this producer is done for),
 * INVALID_PRODUCER_ID_MAPPING (the producer id is not the one of this transactional id), TRANSACTIONAL_ID_NOT_FOUND,
 * INVALID_TXN_STATE, CONCURRENT_TRANSACTIONS (the one before is being finished: ask again).
 */
export interface TransactionBroker {
  /**
   * Makes whoever calls the one producer of a transactional id: those before are fenced from now on, what they left open is
   * aborted, what they had decided is finished first.
   * @throws INVALID_TRANSACTION_TIMEOUT, INVALID_REQUEST
   */
  initProducer(request: InitProducer, call?: CallOptions): Promise<InitializedProducer>

  /** Says that the transaction is to write to partitions, as Kafka's AddPartitionsToTxn; begins one where none is open. */
  addPartitions(request: AddPartitions, call?: CallOptions): Promise<PartitionResult[]>

  /**
   * Makes batches durable as a part of the transaction: their sequences are checked here. A repetition of the batch that was
   * staged last is told as what it is: success. The bytes belong to the broker until it resolves.
   */
  stage(request: StageBatches, call?: CallOptions): Promise<PartitionResult[]>

  /**
   * Commits a group's offsets as a part of the transaction. They count from its end on; meanwhile, whoever asks for
   * committed offsets of these partitions is told UNSTABLE_OFFSET_COMMIT. Who may commit is as for `commitOffsets`.
   */
  commitTransactionOffsets(
    request: CommitTransactionOffsets,
    call?: CallOptions,
  ): Promise<CommittedPartition[]>

  /**
   * Decides the transaction by one write, and resolves when all of it can be read. Deciding the same again is no error.
   * With `batches` and `offsets`, they become part of it first, at no cost of their own where they are small.
   */
  endTransaction(request: EndTransaction, call?: CallOptions): Promise<EndedTransaction>

  /** In the order of their transactional ids. */
  listTransactions(request?: ListTransactions, call?: CallOptions): Promise<TransactionSummary[]>

  /** @throws TRANSACTIONAL_ID_NOT_FOUND */
  describeTransaction(transactionalId: string, call?: CallOptions): Promise<TransactionDescription>

  /**
   * Aborts what is open of a transactional id, and fences its producer; one that was decided is finished instead. Where
   * nothing is open, nothing changes. @throws TRANSACTIONAL_ID_NOT_FOUND
   */
  abortTransaction(transactionalId: string, call?: CallOptions): Promise<TransactionDescription>
}

export interface InitProducer {
  /** 1 to 249 characters. */
  transactionalId: string
  /** After it, whoever looks at an open transaction aborts it: 60,000 ms unless given, 1 to 900,000 ms. */
  timeoutMs?: number | undefined
  /** Of a producer that goes on after an error, with its epoch: it is fenced if another has come meanwhile. */
  producerId?: bigint | undefined
  epoch?: number | undefined
}

export interface InitializedProducer {
  producerId: bigint
  epoch: number
  /** Of the last transaction of this transactional id, committed or not; the next one is `number` + 1. */
  number: number
}

/** Whose transaction it is, and which of his. */
export interface TransactionName {
  transactionalId: string
  producerId: bigint
  epoch: number
  /**
   * Which of his transactions is meant, so that a call which comes late cannot act upon another: the one after the last
   * one, as `initProducer` and `endTransaction` tell its number. Left out by Kafka's clients, whose protocol has none.
   */
  number?: number | undefined
}

export interface AddPartitions extends TransactionName {
  partitions: readonly { topic: string; partition: number }[]
}

export interface StagedBatches {
  topic: string
  /** Of the topic that is meant: one that was made anew under its name is another. */
  topicId?: string | undefined
  partition: number
  /** One record batch or several, one after the other: transactional, of the transaction's producer id and epoch. */
  batches: Uint8Array
}

export interface StageBatches extends TransactionName {
  batches: readonly StagedBatches[]
  /** Whether a partition that was not added becomes part of the transaction; otherwise it is TRANSACTION_ABORTABLE. */
  adds?: boolean | undefined
}

export interface PartitionResult {
  topic: string
  partition: number
  /** null: it is done. */
  error: null | TransactionFailure
  /** Milliseconds since the epoch, where the topic stamps records itself (LogAppendTime): when they were staged. */
  logAppendTimeMs?: number | undefined
}

export interface TransactionFailure {
  kafkaName: string
  message: string
  retriable: boolean
}

export interface GroupOffsets {
  groupId: string
  memberId?: string | undefined
  /** Of a static member. */
  instanceId?: string | undefined
  /** Of a classic group, with a member: its generation. Members of other groups give one with each partition. */
  generation?: number | undefined
  offsets: readonly OffsetToCommit[]
}

export interface CommitTransactionOffsets extends TransactionName, GroupOffsets {
  /** Whether it begins a transaction where none is open: it does unless it is told not to, and then is INVALID_TXN_STATE. */
  begins?: boolean | undefined
}

export interface EndTransaction extends TransactionName {
  commit: boolean
  /** Staged first; partitions that were not added are. Where one is refused, the call throws, and the transaction is open. */
  batches?: readonly StagedBatches[] | undefined
  /** Pending first. Where one is refused, the call throws, and the transaction is open. */
  offsets?: readonly GroupOffsets[] | undefined
}

export interface EndedTransaction {
  /** Of the transaction that has ended; the next one is `number` + 1. */
  number: number
  /**
   * Where its records are: of each partition the first one's offset, the others follow without a gap; null where that is not
   * known any more, or the partition is gone. Empty where it was aborted, or had ended before this call.
   */
  partitions: { topic: string; partition: number; baseOffset: Offset | null; records: number }[]
}

/** Kafka's states of a transaction, as far as they mean something here. */
export const TRANSACTION_STATES = [
  'Empty',
  'Ongoing',
  'PrepareCommit',
  'PrepareAbort',
  'CompleteCommit',
  'CompleteAbort',
] as const

export type TransactionState = (typeof TRANSACTION_STATES)[number]

export interface ListTransactions {
  /** Only those in one of these states; all unless given. */
  states?: readonly string[] | undefined
  /** Only those of these producers; all unless given. */
  producerIds?: readonly bigint[] | undefined
  /** Only those that have been going on for longer than this. */
  durationMsMin?: number | undefined
}

export interface TransactionSummary {
  transactionalId: string
  producerId: bigint
  state: TransactionState
}

export interface TransactionDescription extends TransactionSummary {
  epoch: number
  number: number
  timeoutMs: number
  /** When the present one began, in milliseconds since the epoch; null where none is going on. */
  startedMs: number | null
  updatedMs: number
  /** Of the present one. */
  partitions: { topic: string; partition: number; records: number; bytes: number }[]
  /** Committed offsets that are pending. */
  offsets: { groupId: string; topic: string; partition: number }[]
}
