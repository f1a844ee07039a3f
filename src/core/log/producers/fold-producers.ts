import {
  PRODUCER_ENTRIES_KEPT,
  PRODUCER_SILENT_MS_MAX,
  PRODUCERS_KEPT_MAX,
  PRODUCERS_RETIRED_MAX,
} from '../../limits.ts'
import { advance } from '../../numbers.ts'
import type { Block } from '../block.ts'
import { type PlacedEntry, placeEntries } from '../entry.ts'
import type { Head } from '../head.ts'
import type { FlushedProducer } from './flushed-producer.ts'

export interface ProducerChanges {
  readonly flushedProducers: ReadonlyMap<bigint, FlushedProducer>
  /** Producers that leave the head, on the condition that they have not gone on since. Their items must stand before. */
  readonly retired: ReadonlyMap<bigint, FlushedProducer>
}

/**
 * The producers' newest runs with those of a block that is to leave this head's tail, and the producers that are to
 * leave the head with it, at most so many of them.
 */
export function foldProducers(
  head: Head,
  block: Block,
  retiredMax: number = PRODUCERS_RETIRED_MAX,
): ProducerChanges {
  const changed = new Map(head.flushedProducers)
  let newestMs = 0
  for (const placed of placeEntries(block.baseOffset, block.entries)) {
    newestMs = Math.max(newestMs, placed.entry.createdMs)
    addRuns(changed, placed)
  }
  const retired = new Map<bigint, FlushedProducer>()
  for (const producerId of silentProducers(head, block, changed, newestMs).slice(0, retiredMax)) {
    retired.set(producerId, changed.get(producerId)!)
    changed.delete(producerId)
  }
  return { flushedProducers: changed, retired }
}

/** Adds what an entry holds of producers to what is known of them. */
export function addRuns(known: Map<bigint, FlushedProducer>, { baseOffset, entry }: PlacedEntry): void {
  for (const { producerId, epoch, sequence, records, spanBefore } of entry.producers) {
    const before = known.get(producerId)
    const run = { sequence, records, baseOffset: advance(baseOffset, spanBefore) }
    const kept = before?.epoch === epoch ? before.runs.slice(1 - PRODUCER_ENTRIES_KEPT) : []
    known.set(producerId, { epoch, createdMs: entry.createdMs, runs: [...kept, run] })
  }
}

/**
 * Producers with nothing in the tail that have been silent for too long, or longer than enough others; the longest
 * silent first. That none of their entries is left in the tail is what a return to the head relies on: see
 * broker/producing/append-once.ts.
 */
function silentProducers(
  head: Head,
  block: Block,
  flushed: ReadonlyMap<bigint, FlushedProducer>,
  nowMs: number,
): bigint[] {
  const left = head.tail.slice(block.entries.length)
  const active = new Set(left.flatMap(entry => entry.producers.map(({ producerId }) => producerId)))
  const silent = [...flushed]
    // The head may be older than the block, which another has put. What it does not know it leaves to others.
    .filter(([producerId]) => !active.has(producerId) && head.producers.has(producerId))
    .sort(([, one], [, other]) => one.createdMs - other.createdMs)
  return silent
    .filter(([, { createdMs }], index) => {
      return nowMs - createdMs > PRODUCER_SILENT_MS_MAX || index < flushed.size - PRODUCERS_KEPT_MAX
    })
    .map(([producerId]) => producerId)
}
