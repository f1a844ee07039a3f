import { batchesOf, type RunBatch } from '../../core/batches/batch-run.ts'
import { FOOTER_SPARED_BYTES } from '../../core/limits.ts'
import type { PlacedEntry } from '../../core/log/entry.ts'
import type { Head } from '../../core/log/head.ts'
import { advance, later, type Offset, toPosition } from '../../core/numbers.ts'
import type { ObjectStore } from '../../ports/object-store.ts'
import type { FooterCache } from './footers.ts'
import { LogStartMoved, readPlace } from './walk.ts'

/** A part of a log that is read at once, to look at its records one by one. */
export interface Stretch {
  /** Of its records; of those that are not served any more, too. */
  readonly maxTimestampMs: number
  /** The first offset that counts. */
  readonly from: Offset
  /** @throws LogStartMoved */
  read(): Promise<{ bytes: Uint8Array; batches: Iterable<RunBatch> }>
}

export interface StretchSources {
  readonly objects: ObjectStore
  readonly footers: FooterCache
}

/**
 * The stretches of an entry, in order: of a segment, those that its footer tells of, else all of it.
 * @throws LogStartMoved
 */
export async function stretchesOf(
  { objects, footers }: StretchSources,
  { startOffset }: Head,
  placed: PlacedEntry,
): Promise<Stretch[]> {
  const { baseOffset, entry } = placed
  const { place, span, bytes, maxTimestampMs } = entry
  const from = later(startOffset, placed.from)
  if (place.kind !== 'segment') {
    const read = async () => {
      const run = await readPlace(objects, place, bytes)
      if (!run) throw new LogStartMoved()
      return { bytes: run, batches: batchesOf(run, baseOffset) }
    }
    return [{ maxTimestampMs, from, read }]
  }
  const whole = { span: 0, bytes: 0, endSpan: span, endBytes: bytes, maxTimestampMs }
  const index = bytes > FOOTER_SPARED_BYTES ? await footers.indexOf(placed, place) : undefined
  if (bytes > FOOTER_SPARED_BYTES && !index) throw new LogStartMoved()
  return Array.from(index?.stretches(from - baseOffset) ?? [whole], stretch => ({
    maxTimestampMs: stretch.maxTimestampMs,
    from,
    read: async () => {
      const position = toPosition(place.position + stretch.bytes)
      const run = await readPlace(objects, { ...place, position }, stretch.endBytes - stretch.bytes)
      if (!run) throw new LogStartMoved()
      const end = advance(baseOffset, stretch.endSpan)
      return { bytes: run, batches: batchesOf(run, advance(baseOffset, stretch.span), 'stored', end) }
    },
  }))
}
