import type { Block } from '../core/log/block.ts'
import type { IndexEntry } from '../core/log/entry.ts'
import type { Head } from '../core/log/head.ts'
import type { FlushedProducer } from '../core/log/producers/flushed-producer.ts'
import type { ProducerChanges } from '../core/log/producers/fold-producers.ts'
import type { Offset } from '../core/numbers.ts'
import type { PartitionId } from '../core/topic/partition-id.ts'

/**
 * The sorted offset index: a head and blocks for each partition. Every write is one atomic, durable step on
 * one item, and every read sees all writes that resolved before it began.
 * All methods can throw NotApplied and StoreFailed; those that write also OutcomeUnknown.
 */
export interface LogIndex {
  /**
   * Makes an empty head; one that is there stays as it is. False: the partition was removed, and has none any more,
   * whoever asks and however late.
   */
  createHead(partition: PartitionId): Promise<boolean>

  /** Whether the partition was removed. */
  isRemoved(partition: PartitionId): Promise<boolean>

  /** Undefined where there never was one, or the partition was removed. */
  readHead(partition: PartitionId): Promise<Head | undefined>

  /**
   * Atomic: appends `entry` at the log's end, on the condition that tailOffset <= `seen`, that it does not
   * stand in the tail, and that what it holds of each idempotent producer follows on what the head has of that
   * producer. A producer that the head does not know must be one of `newcomers`, which are nobody unless given: the
   * writer has read its item. Both outcomes carry the whole head: as it became, or as it was refused.
   * @throws NoRoom where the head can take no more before a flush
   */
  append(
    partition: PartitionId,
    entry: IndexEntry,
    seen: Offset,
    newcomers?: ReadonlySet<bigint>,
  ): Promise<AppendOutcome>

  /** Puts a block where there is none at its base offset; tells which block stands there now. */
  putBlock(partition: PartitionId, block: Block): Promise<Block>

  /**
   * Takes the entries of a block that stands in the table out of the tail, with what that changes for idempotent
   * producers, on the condition that tailOffset is still the block's base offset and that no producer to be
   * retired has gone on. Tells the head after it; undefined where the condition failed.
   */
  trimTail(partition: PartitionId, block: Block, changes: ProducerChanges): Promise<Head | undefined>

  /**
   * Keeps what is known of a producer that is to leave the head. Atomic, and never goes back: where something newer
   * stands, that stays (mergeRetired in core/log/changes/put-producer.ts). May be repeated. A store may take the opportunity to
   * drop items that have expired by `nowMs`.
   */
  putProducer(
    partition: PartitionId,
    producerId: bigint,
    producer: FlushedProducer,
    nowMs: number,
  ): Promise<void>

  /** What putProducer has kept; also what has expired and is still there. */
  readProducer(partition: PartitionId, producerId: bigint): Promise<FlushedProducer | undefined>

  /** The last block at or below `offset` and those that follow it, in order, at most `limit`. */
  readBlocks(partition: PartitionId, offset: Offset, limit: number): Promise<Block[]>

  /**
   * Moves startOffset forward, but not past nextOffset. Tells the head after it; undefined where there is
   * no head. A head that already starts there or later, or ends before, stays as it is.
   */
  moveStart(partition: PartitionId, startOffset: Offset): Promise<Head | undefined>

  /** Removes all blocks below `offset` but the last one, which may reach beyond it. */
  removeBlocksBelow(partition: PartitionId, offset: Offset): Promise<void>

  /**
   * Closes the head for ever, also one that was never made, so that nothing can be appended any more; then removes the
   * blocks and the producers.
   */
  removePartition(partition: PartitionId): Promise<void>

  /** Every partition that has a head, a block or a producer, a deleted topic's leftovers too; not what was removed. */
  partitions(): AsyncIterable<PartitionId>
}

export type AppendOutcome =
  | { readonly kind: 'appended'; readonly head: Head }
  | { readonly kind: 'refused'; readonly head: Head }
  /** There is no head: the partition was never made, or has been deleted. */
  | { readonly kind: 'missing' }
