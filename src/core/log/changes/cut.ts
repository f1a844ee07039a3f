import { BLOCK_ENTRIES_MAX, BLOCK_PRODUCERS_MAX, TAIL_INLINE_SOFT_BYTES_MAX } from '../../limits.ts'
import type { PartitionId } from '../../topic/partition-id.ts'
import { type Block, blockEnd } from '../block.ts'
import { countInlineBytes, encodeEntry, type IndexEntry } from '../entry.ts'
import type { Head } from '../head.ts'
import type { ProducerChanges } from '../producers/fold-producers.ts'
import { applyTrim } from './trim-tail.ts'

/** What leaves the tail in the step that appends an entry: all of it, for a block that stands in the table. */
export interface Cut {
  readonly block: Block
  /** Nobody retires: that takes items which must stand before. */
  readonly changes: ProducerChanges
  readonly movedEpoch: number
}

/** By what a store's writes of a head are paid for. */
export interface HeadCost {
  /** Each started unit of so many bytes costs as much again. */
  readonly unitBytes: number
  bytesOf(partition: PartitionId, head: Head): number
}

/**
 * The head without its tail, on the condition that the tail is exactly what the block says: both ends are where they were, and
 * between them a tail never changes. Else undefined.
 */
export function applyCut(head: Head, { block, changes, movedEpoch }: Cut): Head | undefined {
  if (head.nextOffset !== blockEnd(block)) return undefined
  return applyTrim(head, block, changes, movedEpoch)
}

/**
 * Whether an append costs more because of the tail that is there, and the tail is small enough to stand in a block as it is. Taking it
 * out costs a block once, and what is left in each append costs again and again.
 */
export function isCutCheaper(
  { unitBytes, bytesOf }: HeadCost,
  partition: PartitionId,
  head: Head,
  entry: IndexEntry,
): boolean {
  const { tail } = head
  if (tail.length === 0 || tail.length > BLOCK_ENTRIES_MAX) return false
  if (countInlineBytes(tail) > TAIL_INLINE_SOFT_BYTES_MAX) return false
  if (new Set(tail.flatMap(each => each.producers.map(run => run.producerId))).size > BLOCK_PRODUCERS_MAX)
    return false
  const units = (bytes: number) => Math.ceil(bytes / unitBytes)
  const bytes = bytesOf(partition, head) + listedBytes(entry)
  const tailBytes = tail.reduce((sum, each) => sum + listedBytes(each), 0)
  return units(bytes) > units(bytes - tailBytes)
}

function listedBytes(entry: IndexEntry): number {
  return encodeEntry(entry).length + 1
}
