import { copyBytes } from '../../core/bytes.ts'
import { TidemarkError } from '../../core/errors.ts'
import type { LentMemory } from '../../core/lent-memory.ts'
import { INDEX_READ_ITEMS_MAX } from '../../core/limits.ts'
import { blockEnd } from '../../core/log/block.ts'
import { type IndexEntry, type PlacedEntry, placeEntries } from '../../core/log/entry.ts'
import type { Head } from '../../core/log/head.ts'
import { levelsOf } from '../../core/log/settled/levels.ts'
import { segmentEntry } from '../../core/log/settled/segment-entry.ts'
import { advance, later, type Offset } from '../../core/numbers.ts'
import { placeKey } from '../../core/storage-layout.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { LogIndex } from '../../ports/log-index.ts'
import type { ObjectStore } from '../../ports/object-store.ts'

/** Blocks or segments that the first look-up reads: each is a usual answer, but where one ends. */
const FIRST_READ = 2

/**
 * How many blocks or segments one look-up reads: as many as the answer seems to need by what the last ones held, so that it
 * takes few look-ups however little is in each.
 */
class Portion {
  size: number
  #leftBytes: number

  constructor(bytes: number, size = FIRST_READ) {
    this.#leftBytes = bytes
    this.size = size
  }

  /** What one look-up has brought. */
  took(items: number, bytes: number): void {
    this.#leftBytes -= bytes
    // Nobody knows how far it goes, perhaps no further than here.
    if (this.#leftBytes === Number.POSITIVE_INFINITY)
      this.size = Math.max(this.size, Math.min(4 * this.size, INDEX_READ_ITEMS_MAX))
    else if (bytes === 0) this.size = INDEX_READ_ITEMS_MAX
    else {
      const needed = Math.ceil((this.#leftBytes * items) / bytes)
      this.size = Math.min(Math.max(needed, FIRST_READ), INDEX_READ_ITEMS_MAX)
    }
  }
}

/** What the head tells of is not there any more: it was deleted, or has moved to another level. Read the head again. */
export class LogStartMoved extends Error {
  override readonly name = 'LogStartMoved'
}

/**
 * The entries that hold the records from `from` on, in order up to the head's end; from the tail alone where it
 * reaches down to `from`. A segment is one entry; where nothing is left of it there is none. Reads blocks and segments as the
 * caller goes on. What stands outside of its level's boundaries is none of the log's, whoever has put it there.
 * @param bytes about how many the caller wants: so much is read ahead of it at most
 * @throws LogStartMoved
 */
export async function* walkEntries(
  index: LogIndex,
  partition: PartitionId,
  head: Head,
  from: Offset,
  bytes = Number.POSITIVE_INFINITY,
): AsyncGenerator<PlacedEntry> {
  const { settledOffset } = head.settled
  let next = from
  let left = bytes
  if (next < settledOffset) {
    for await (const placed of walkSegments(index, partition, head, from, { bytes })) {
      left -= bytesFrom(placed, from)
      yield placed
    }
    next = settledOffset
  }
  const portion = new Portion(left)
  while (next < head.tailOffset) {
    const blocks = await index.readBlocks(partition, next, portion.size)
    const first = blocks[0]
    if (!first || first.baseOffset > next || blockEnd(first) <= next) throw new LogStartMoved()
    // One that was put by somebody who came late.
    if (first.baseOffset < settledOffset) throw new LogStartMoved()
    let read = 0
    for (const block of blocks) {
      if (block.baseOffset >= head.tailOffset) break
      // Blocks do not go all at once: between two that are left there may be a gap.
      if (block.baseOffset > next) throw new LogStartMoved()
      const entries = entriesFrom(placeEntries(block.baseOffset, block.entries), next)
      for (const placed of entries) read += bytesFrom(placed, from)
      yield* entries
      next = later(next, blockEnd(block))
    }
    portion.took(blocks.length, read)
  }
  yield* entriesFrom(placeEntries(head.tailOffset, head.tail), next)
}

/**
 * The segments from `from` on as entries, merged ones and then rolled ones, up to settledOffset.
 * @param ahead about how many bytes the caller wants, and how many segments the first look-up reads
 * @throws LogStartMoved
 */
export async function* walkSegments(
  index: LogIndex,
  partition: PartitionId,
  { settled }: Head,
  from: Offset,
  { bytes = Number.POSITIVE_INFINITY, first: size }: { bytes?: number; first?: number } = {},
): AsyncGenerator<PlacedEntry> {
  let next = from
  const portion = new Portion(bytes, size)
  for (const { level, lo, hi } of levelsOf(settled)) {
    next = later(next, lo)
    while (next < hi) {
      const segments = await index.readSegments(partition, level, next, portion.size)
      const first = segments[0]
      if (!first || first.baseOffset > next || first.end <= next) throw new LogStartMoved()
      let read = 0
      for (const segment of segments) {
        if (segment.baseOffset >= hi) break
        if (segment.baseOffset > next) throw new LogStartMoved()
        const { baseOffset } = segment
        // What a pass has taken of it, or retention, does not count here any more.
        const counted = baseOffset < lo && { from: lo }
        if (segment.bytes > 0) {
          const placed = { baseOffset, entry: segmentEntry(partition, segment), ...counted }
          read += bytesFrom(placed, from)
          yield placed
        }
        // Nothing of it counts behind the level's end.
        next = later(next, segment.end)
      }
      portion.took(segments.length, read)
    }
  }
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
    for await (const placed of walkEntries(index, partition, head, from, bytes)) {
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
  memory?: LentMemory,
): Promise<Uint8Array | undefined> {
  // A copy: the offsets are filled in place, and the index's own bytes must stay as they are.
  if (place.kind === 'inline') return copyBytes(place.payload)
  const read = (into?: Uint8Array) => objects.get(placeKey(place), place.position, bytes, into)
  return await (memory ? memory.read(bytes, read) : read())
}

/** About how many of an entry's bytes hold records from `from` on: where some have gone, it may be any part of them. */
export function bytesFrom({ baseOffset, entry, from: counted }: PlacedEntry, from: Offset): number {
  const first = later(from, counted)
  if (baseOffset >= first) return entry.bytes
  return Math.ceil(entry.bytes * (1 - (first - baseOffset) / entry.span))
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
