import { copyBytes } from '../../core/bytes.ts'
import { TidemarkError } from '../../core/errors.ts'
import { blockEnd } from '../../core/log/block.ts'
import { type IndexEntry, type PlacedEntry, placeEntries } from '../../core/log/entry.ts'
import type { Head } from '../../core/log/head.ts'
import { advance, type Offset } from '../../core/numbers.ts'
import { placeKey } from '../../core/storage-layout.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { LogIndex } from '../../ports/log-index.ts'
import type { ObjectStore } from '../../ports/object-store.ts'

/** Blocks that one look-up reads: one holds eight entries or more, which is a usual answer. */
const BLOCKS_PER_READ = 2

/** How often a read begins anew because what it read about was deleted meanwhile. */
export const READ_AGAIN_MAX = 3

/** The log's start has moved past the wanted offset since the head was read: read the head again. */
export class LogStartMoved extends Error {
  override readonly name = 'LogStartMoved'
}

/**
 * The entries that hold the records from `from` on, in order up to the head's end; from the tail alone where it
 * reaches down to `from`. Reads blocks as the caller goes on.
 * @throws LogStartMoved
 */
export async function* walkEntries(
  index: LogIndex,
  partition: PartitionId,
  head: Head,
  from: Offset,
): AsyncGenerator<PlacedEntry> {
  let next = from
  while (next < head.tailOffset) {
    const blocks = await index.readBlocks(partition, next, BLOCKS_PER_READ)
    const first = blocks[0]
    if (!first || first.baseOffset > next || blockEnd(first) <= next) throw new LogStartMoved()
    for (const block of blocks) {
      if (block.baseOffset >= head.tailOffset) break
      // Blocks do not go all at once: between two that are left there may be a gap.
      if (block.baseOffset > next) throw new LogStartMoved()
      yield* entriesFrom(placeEntries(block.baseOffset, block.entries), next)
      next = blockEnd(block)
    }
  }
  yield* entriesFrom(placeEntries(head.tailOffset, head.tail), next)
}

/** As walkEntries, until what follows `from` adds up to `bytes`; undefined where the log's start has moved. */
export async function readEntries(
  index: LogIndex,
  partition: PartitionId,
  head: Head,
  from: Offset,
  bytes: number,
): Promise<PlacedEntry[] | undefined> {
  const found: PlacedEntry[] = []
  let foundBytes = 0
  try {
    for await (const placed of walkEntries(index, partition, head, from)) {
      found.push(placed)
      foundBytes += bytesFrom(placed, from)
      if (foundBytes >= bytes) break
    }
    return found
  } catch (error) {
    if (error instanceof LogStartMoved) return undefined
    throw error
  }
}

/** What lies in a place, in memory that is the caller's to change; undefined where its object is gone. */
export async function readPlace(
  objects: ObjectStore,
  place: IndexEntry['place'],
  bytes: number,
): Promise<Uint8Array | undefined> {
  // A copy: the offsets are filled in place, and the index's own bytes must stay as they are.
  if (place.kind === 'inline') return copyBytes(place.payload)
  return await objects.get(placeKey(place), place.position, bytes)
}

/** About how many of an entry's bytes hold records from `from` on. */
export function bytesFrom({ baseOffset, entry }: PlacedEntry, from: Offset): number {
  if (baseOffset >= from) return entry.bytes
  return Math.ceil(entry.bytes * (1 - (from - baseOffset) / entry.span))
}

function entriesFrom(placed: readonly PlacedEntry[], from: Offset): PlacedEntry[] {
  return placed.filter(({ baseOffset, entry }) => advance(baseOffset, entry.span) > from)
}

/** What a read says that has begun anew often enough: nobody deletes as fast, so the store is damaged. */
export function missingBytes(offset: Offset): TidemarkError {
  return new TidemarkError(
    'KAFKA_STORAGE_ERROR',
    `The index has records at offset ${offset}, but their bytes cannot be read. Run "tidemark verify".`,
  )
}
