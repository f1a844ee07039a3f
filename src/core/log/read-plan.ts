import { advance, type Offset, type Position, toPosition } from '../numbers.ts'
import type { IndexEntry, Mark, ObjectPlace, PlacedEntry } from './entry.ts'

/** What a read is to fetch: batches that lie next to one another; the first one begins at `baseOffset`, the others follow it. */
export type PlannedRange = ObjectRange | InlineRange

export interface ObjectRange {
  readonly kind: 'object'
  readonly object: string
  readonly position: Position
  readonly bytes: number
  readonly baseOffset: Offset
  /** undefined where the range ends in the middle of a batch, and so of a number of records unknown. */
  readonly records: number | undefined
}

export interface InlineRange {
  readonly kind: 'inline'
  readonly payload: Uint8Array
  readonly bytes: number
  readonly baseOffset: Offset
  readonly records: number
}

/**
 * Where a range may end. `byte`: exactly at the limit, the reader drops what is cut off; `mark`: at a batch
 * boundary, so that somebody else can read the range knowing nothing more.
 */
export type RangeEnd = 'byte' | 'mark'

/** Where the batch with a certain offset begins, known from an earlier read. */
export interface KnownPlace {
  readonly offset: Offset
  readonly object: string
  readonly position: Position
}

/**
 * Which bytes hold the records from `from` on, up to about `maxBytes`; at least one range where there are
 * records. `entries` must follow one another, and the first one must hold `from`.
 */
export function planRead(
  entries: readonly PlacedEntry[],
  from: Offset,
  maxBytes: number,
  end: RangeEnd,
  known?: KnownPlace,
): PlannedRange[] {
  const ranges: PlannedRange[] = []
  let left = maxBytes
  for (const placed of entries) {
    if (left <= 0) break
    if (advance(placed.baseOffset, placed.entry.records) <= from) continue
    const range = planEntry(placed, from, left, end, known)
    left -= range.bytes
    const last = ranges.at(-1)
    const merged = last && mergeAdjacent(last, range)
    if (merged) ranges[ranges.length - 1] = merged
    else ranges.push(range)
    if (range.records === undefined) break
  }
  return ranges
}

function planEntry(
  { baseOffset, entry }: PlacedEntry,
  from: Offset,
  maxBytes: number,
  end: RangeEnd,
  known: KnownPlace | undefined,
): PlannedRange {
  if (entry.place.kind === 'inline') {
    const { payload } = entry.place
    return { kind: 'inline', payload, bytes: payload.length, baseOffset, records: entry.records }
  }
  const firstRecord = from - baseOffset
  const marks = firstRecord > 0 || entry.bytes > maxBytes ? entry.marks : []
  const exact = known && findKnown(entry, entry.place, known, from, firstRecord)
  const start = exact ?? marks.findLast(mark => mark.records <= firstRecord) ?? { records: 0, bytes: 0 }
  const stop = planStop(entry, exact ? [exact, ...marks] : marks, firstRecord, maxBytes, end)
  return {
    kind: 'object',
    object: entry.place.object,
    position: toPosition(entry.place.position + start.bytes),
    bytes: stop.bytes - start.bytes,
    baseOffset: advance(baseOffset, start.records),
    records: stop.records === undefined ? undefined : stop.records - start.records,
  }
}

/** What is known as a mark, where it is in this very entry and about the wanted offset. */
function findKnown(
  entry: IndexEntry,
  place: ObjectPlace,
  known: KnownPlace,
  from: Offset,
  firstRecord: number,
): Mark | undefined {
  const bytes = known.position - place.position
  const isHere = known.object === place.object && bytes > 0 && bytes < entry.bytes
  return isHere && known.offset === from ? { records: firstRecord, bytes } : undefined
}

/** `maxBytes` count from the first mark at or above the first wanted record, since what lies before is dropped. */
function planStop(
  entry: IndexEntry,
  marks: readonly Mark[],
  firstRecord: number,
  maxBytes: number,
  end: RangeEnd,
): { records: number | undefined; bytes: number } {
  const whole = { records: entry.records, bytes: entry.bytes }
  const from = firstRecord <= 0 ? 0 : marks.find(mark => mark.records >= firstRecord)?.bytes
  if (from === undefined || entry.bytes - from <= maxBytes) return whole
  if (end === 'byte') return { records: undefined, bytes: from + maxBytes }
  return marks.find(mark => mark.bytes - from >= maxBytes) ?? whole
}

/** Entries that a flush put side by side are read in one go. */
function mergeAdjacent(left: PlannedRange, right: PlannedRange): ObjectRange | undefined {
  if (left.kind !== 'object' || right.kind !== 'object' || left.object !== right.object) return undefined
  if (left.records === undefined || left.position + left.bytes !== right.position) return undefined
  const records = right.records === undefined ? undefined : left.records + right.records
  return { ...left, bytes: left.bytes + right.bytes, records }
}
