import type { FoundOffset } from '../../contract/broker.ts'
import type { PlacedEntry } from '../../core/log/entry.ts'
import type { Head } from '../../core/log/head.ts'
import { findLatest } from '../../core/record/find-timestamp.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { Lane } from '../../core/turns.ts'
import type { Ports } from '../../ports/index.ts'
import type { FooterCache } from './footers.ts'
import { type Stretch, stretchesOf } from './stretches.ts'
import { walkEntries } from './walk.ts'

/** A log that somebody looks into for times. */
export interface LogLook {
  readonly ports: Ports
  readonly partition: PartitionId
  readonly head: Head
  readonly footers: FooterCache
  /** Each has the bytes of an entry in memory, or of a stretch of a segment. */
  readonly looks: Lane
}

type Found = { offset: number; timestampMs: number }

/**
 * The first of the records with the greatest timestamp, as Kafka's ListOffsets has it. Entries know their greatest, so that
 * one of them is read; and those, too, that may have theirs in what is not served any more.
 * @throws LogStartMoved
 */
export async function findLatestRecord(look: LogLook): Promise<FoundOffset> {
  const { ports, partition, head, footers, looks } = look
  const cut: PlacedEntry[] = []
  let greatest: PlacedEntry | undefined
  for await (const placed of walkEntries(ports.index, partition, head, head.startOffset)) {
    const isCut = placed.baseOffset < head.startOffset || placed.from !== undefined
    if (isCut) cut.push(placed)
    else if (!greatest || placed.entry.maxTimestampMs > greatest.entry.maxTimestampMs) greatest = placed
  }
  const sources = { objects: ports.objects, footers }
  let latest: Found | undefined
  for (const placed of [greatest, ...cut]) {
    if (!placed || isBehind(placed.entry, latest)) continue
    const stretches = await stretchesOf(sources, head, placed)
    latest = later(latest, await looks.run(() => findLatestIn(stretches, latest)))
  }
  return (latest as FoundOffset | undefined) ?? { offset: null, timestampMs: null }
}

/** From the one that reaches the latest time on, until the others cannot have any later. */
async function findLatestIn(stretches: readonly Stretch[], known: Found | undefined) {
  let latest = known
  // Those that reach the same stay in their order.
  for (const stretch of stretches.toSorted((one, other) => other.maxTimestampMs - one.maxTimestampMs)) {
    if (isBehind(stretch, latest)) break
    const { bytes, batches } = await stretch.read()
    for (const { position } of batches) {
      latest = later(latest, await findLatest(bytes, position, stretch.from, latest?.timestampMs))
    }
  }
  return latest
}

function isBehind({ maxTimestampMs }: { maxTimestampMs: number }, latest: Found | undefined): boolean {
  return latest !== undefined && maxTimestampMs < latest.timestampMs
}

/** The one with the later timestamp; of two with the same, the first one. */
function later(one: Found | undefined, other: Found | undefined): Found | undefined {
  if (!one || !other) return one ?? other
  if (one.timestampMs !== other.timestampMs) return one.timestampMs > other.timestampMs ? one : other
  return one.offset <= other.offset ? one : other
}
