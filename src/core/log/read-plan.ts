import { advance, later, type Offset, type Position, toPosition } from '../numbers.ts'
import type { InlinePlace, Mark, ObjectPlace, PlacedEntry, SegmentPlace } from './entry.ts'

/** What a read is to fetch: batches that lie next to one another; the first one begins at `baseOffset`, the others follow it. */
export type PlannedRange = ObjectRange | InlineRange

/** Of a segment, whose batches bear their final offsets, the first one may as well begin behind `baseOffset`. */
export type ObjectRange = (ObjectPlace | SegmentPlace) & {
  readonly bytes: number
  readonly baseOffset: Offset
  /** How many offsets it covers; undefined where it ends in the middle of a batch. */
  readonly span: number | undefined
  /** Batches that end at or before it do not count, wherever they lie. */
  readonly from?: Offset | undefined
}

export interface InlineRange extends InlinePlace {
  readonly bytes: number
  readonly baseOffset: Offset
  /** How many offsets it covers. */
  readonly span: number
}

/**
 * Where a range may end. `byte`: exactly at the limit, the reader drops what is cut off; `mark`: at a batch
 * boundary, so that somebody else can read the range knowing nothing more.
 */
export type RangeEnd = 'byte' | 'mark'

/** Where the batch with a certain offset begins, known from an earlier read. */
export interface KnownPlace {
  readonly offset: Offset
  /** As objectOf tells it. */
  readonly object: string
  readonly position: Position
}

/** What an object is told apart from others by. */
export function objectOf(place: ObjectPlace | SegmentPlace): string {
  return place.kind === 'object' ? place.object : place.key
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
    if (advance(placed.baseOffset, placed.entry.span) <= from) continue
    const range = planEntry(placed, from, left, end, known)
    left -= range.bytes
    const last = ranges.at(-1)
    const merged = last && mergeAdjacent(last, range)
    if (merged) ranges[ranges.length - 1] = merged
    else ranges.push(range)
    if (range.span === undefined) break
  }
  return ranges
}

function planEntry(
  { baseOffset, entry, from: counted }: PlacedEntry,
  from: Offset,
  maxBytes: number,
  end: RangeEnd,
  known: KnownPlace | undefined,
): PlannedRange {
  const { place } = entry
  if (place.kind === 'inline') {
    const { payload } = place
    return { kind: 'inline', payload, bytes: payload.length, baseOffset, span: entry.span }
  }
  const spanBefore = later(from, counted) - baseOffset
  const marks = spanBefore > 0 || entry.bytes > maxBytes ? entry.marks : []
  const exact = known && isKnown(known, { baseOffset, entry }, spanBefore)
  const before = exact ? { span: spanBefore, bytes: known.position - place.position } : undefined
  const start = before ?? marks.findLast(mark => mark.span <= spanBefore) ?? { span: 0, bytes: 0 }
  const stop = planStop(entry, before ? [before, ...marks] : marks, spanBefore, maxBytes, end)
  return {
    ...place,
    position: toPosition(place.position + start.bytes),
    bytes: stop.bytes - start.bytes,
    baseOffset: advance(baseOffset, start.span),
    span: stop.span === undefined ? undefined : stop.span - start.span,
    ...(counted !== undefined && { from: counted }),
  }
}

/** Whether a known place is that of the batch so many offsets behind the entry's beginning, which is as good as a mark. */
export function isKnown(known: KnownPlace, { baseOffset, entry }: PlacedEntry, spanBefore: number): boolean {
  const { place } = entry
  if (place.kind === 'inline' || known.offset !== baseOffset + spanBefore) return false
  const bytes = known.position - place.position
  return known.object === objectOf(place) && bytes > 0 && bytes < entry.bytes
}

/** `maxBytes` count from the first mark at or above the first wanted record, since what lies before is dropped. */
function planStop(
  entry: PlacedEntry['entry'],
  marks: readonly Mark[],
  spanBefore: number,
  maxBytes: number,
  end: RangeEnd,
): { span: number | undefined; bytes: number } {
  const whole = { span: entry.span, bytes: entry.bytes }
  const from = spanBefore <= 0 ? 0 : marks.find(mark => mark.span >= spanBefore)?.bytes
  if (from === undefined || entry.bytes - from <= maxBytes) return whole
  if (end === 'byte') return { span: undefined, bytes: from + maxBytes }
  return marks.find(mark => mark.bytes - from >= maxBytes) ?? whole
}

/** Entries that a flush put side by side are read in one go. */
function mergeAdjacent(left: PlannedRange, right: PlannedRange): ObjectRange | undefined {
  // A segment has its object for itself.
  if (left.kind !== 'object' || right.kind !== 'object' || left.object !== right.object) return undefined
  if (left.span === undefined || left.position + left.bytes !== right.position) return undefined
  const span = right.span === undefined ? undefined : left.span + right.span
  return { ...left, bytes: left.bytes + right.bytes, span }
}
