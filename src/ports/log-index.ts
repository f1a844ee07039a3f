import type { Block } from '../core/log/block.ts'
import type { Cut, HeadCost } from '../core/log/changes/cut.ts'
import type { Move } from '../core/log/changes/rearrange.ts'
import type { IndexEntry } from '../core/log/entry.ts'
import type { Head } from '../core/log/head.ts'
import type { FlushedProducer } from '../core/log/producers/flushed-producer.ts'
import type { ProducerChanges } from '../core/log/producers/fold-producers.ts'
import type { Level, Segment } from '../core/log/settled/segment.ts'
import type { Offset } from '../core/numbers.ts'
import type { PartitionId } from '../core/topic/partition-id.ts'

/**
 * The sorted offset index: a head, segments and blocks for each partition. Every write is one atomic, durable step on
 * one item, and every read sees all writes that resolved before it began.
 * All methods can throw NotApplied and StoreFailed; those that write also OutcomeUnknown.
 */
export interface LogIndex {
  /** Of stores where each write of a head is paid for by what stands in it. */
  readonly headCost?: HeadCost

  /**
   * Makes an empty head with this floor, drained; one that is there stays as it is. Tells the floor of the head that stands.
   * Undefined: the partition was removed, and has none any more, whoever asks and however late.
   */
  createHead(partition: PartitionId, floor: number): Promise<number | undefined>

  /** Whether the partition was removed. */
  isRemoved(partition: PartitionId): Promise<boolean>

  /** Undefined where there never was one, or the partition was removed. */
  readHead(partition: PartitionId): Promise<Head | undefined>

  /**
   * Atomic: appends `entry` at the log's end, on the condition that tailOffset <= `seen`, that it does not
   * stand in the tail, that its object is of no epoch below appendFloor, and that what it holds of each idempotent producer follows on what the head has of that
   * producer. A producer that the head does not know must be one of `newcomers`, which are nobody unless given: the
   * writer has read its item. Both outcomes carry the whole head: as it became, or as it was refused.
   * @param cut a block that stands in the table: the tail, which must be exactly its entries, leaves in the same step
   * @throws NoRoom where the head can take no more before a flush
   */
  append(
    partition: PartitionId,
    entry: IndexEntry,
    seen: Offset,
    newcomers?: ReadonlySet<bigint>,
    cut?: Cut,
  ): Promise<AppendOutcome>

  /**
   * Atomic: appends what was decided elsewhere, all entries one after the other, as applyDecided in core/log/changes/append-decided.ts says: on
   * condition that the head has nothing of it yet. So it may be repeated by any number of callers: once it is there, it is refused with
   * states at or above its end. Every entry has runs of an idempotent producer.
   * @throws NoRoom as append
   */
  appendDecided(
    partition: PartitionId,
    entries: readonly IndexEntry[],
    seen: Offset,
    newcomers?: ReadonlySet<bigint>,
  ): Promise<AppendOutcome>

  /**
   * Puts a block where there is none at its base offset, or over exactly `over`: only one that is dead (isDead in
   * core/log/tail.ts) may be given so. Tells which block stands there now.
   */
  putBlock(partition: PartitionId, block: Block, over?: Block): Promise<Block>

  /**
   * Takes the entries of a block that stands in the table out of the tail, with what that changes for idempotent
   * producers, on the condition that tailOffset is still the block's base offset, that no producer to be
   * retired has gone on, and that appendFloor <= `movedEpoch`: the lowest epoch of an object into which entries of the block were
   * moved out of the tail (movedEpoch in core/log/tail.ts). Tells the head after it; undefined where the condition failed.
   */
  trimTail(
    partition: PartitionId,
    block: Block,
    changes: ProducerChanges,
    movedEpoch: number,
  ): Promise<Head | undefined>

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

  /** Drops items of producers that have expired by `nowMs`; a store that does so by itself does nothing. */
  dropExpiredProducers(partition: PartitionId, nowMs: number): Promise<void>

  /** The last block at or below `offset` and those that follow it, in order, at most `limit`. */
  readBlocks(partition: PartitionId, offset: Offset, limit: number): Promise<Block[]>

  /**
   * Moves startOffset forward, but not past nextOffset. Tells the head after it; undefined where there is
   * no head. A head that already starts there or later, or ends before, stays as it is.
   */
  moveStart(partition: PartitionId, startOffset: Offset): Promise<Head | undefined>

  /** Removes all blocks whose base is below `offset`. */
  removeBlocksBelow(partition: PartitionId, offset: Offset): Promise<void>

  /**
   * Raises appendFloor to `floor`; a head whose floor is as high stays as it is. Tells the head after it; undefined where
   * there is none.
   * @param seen a head in which, and in whose blocks, the caller has found nothing of an older epoch above settledOffset: where
   *   nothing was appended or cut since, `drained` becomes `floor` in the same step
   */
  raiseFloor(partition: PartitionId, floor: number, seen?: Head): Promise<Head | undefined>

  /**
   * Notes that no entry above settledOffset is of an older epoch, on the condition that appendFloor is at least `drained`: who
   * notes it has looked after the floor was raised. True as well where it is noted already.
   */
  noteDrained(partition: PartitionId, drained: number): Promise<boolean>

  /** The last segment of a level at or below `offset` and those that follow it, in order, at most `limit`: also those that do not count. */
  readSegments(partition: PartitionId, level: Level, offset: Offset, limit: number): Promise<Segment[]>

  /** Puts a segment where there is none at its base; tells which one stands there now. */
  putSegment(partition: PartitionId, level: Level, segment: Segment): Promise<Segment>

  /** Removes a segment on the condition that exactly this one stands there. One that is not there is no error. */
  removeSegment(partition: PartitionId, level: Level, segment: Segment): Promise<void>

  /** Every segment of any level, also what does not count: merged ones by generation, then rolled ones. */
  segments(partition: PartitionId): AsyncIterable<PlacedSegment>

  /**
   * Makes a move (core/log/changes/rearrange.ts) in one step. Tells the head after it, or the head that refused it; undefined
   * where there is none.
   */
  rearrange(partition: PartitionId, move: Move): Promise<Rearranged | undefined>

  /**
   * Closes the head for ever, also one that was never made, so that nothing can be appended any more; then removes the
   * blocks, the segments and the producers.
   */
  removePartition(partition: PartitionId): Promise<void>

  /** Every partition that has a head, a block, a segment or a producer, a deleted topic's leftovers too; not what was removed. */
  partitions(): AsyncIterable<PartitionId>
}

/** A segment with the level at which it stands. */
export interface PlacedSegment {
  readonly level: Level
  readonly segment: Segment
}

/** Whether a move's condition held, and the head as it is then. */
export interface Rearranged {
  readonly moved: boolean
  readonly head: Head
}

export type AppendOutcome =
  | { readonly kind: 'appended'; readonly head: Head }
  | { readonly kind: 'refused'; readonly head: Head }
  /** There is no head: the partition was never made, or has been deleted. */
  | { readonly kind: 'missing' }
