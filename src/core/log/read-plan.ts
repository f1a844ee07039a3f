import { advance, type Offset, type Position, toPosition } from '../numbers.ts'
import type { IndexEntry, InlinePlace, Mark, ObjectPlace, PlacedEntry } from './entry.ts'

/** What a read is to fetch: batches that lie next to one another; the first one begins at `baseOffset`, the others follow it. */
export type PlannedRange = ObjectRange | InlineRange

export interface ObjectRange extends ObjectPlace {
  readonly bytes: number
  readonly baseOffset: Offset
  /** How many offsets it covers; undefined where it ends in the middle of a batch. */
  readonly span: number | undefined
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
  { baseOffset, entry }: PlacedEntry,
  from: Offset,
  maxBytes: number,
  end: RangeEnd,
  known: KnownPlace | undefined,
): PlannedRange {
  if (entry.place.kind === 'inline') {
    const { payload } = entry.place
    return { kind: 'inline', payload, bytes: payload.length, baseOffset, span: entry.span }
  }
  const { place } = entry
  if (place.kind === 'segment') throw new RangeError('segments cannot be read yet')
  const spanBefore = from - baseOffset
  const marks = spanBefore > 0 || entry.bytes > maxBytes ? entry.marks : []
  const exact = known && findKnown(entry, place, known, from, spanBefore)
  const start = exact ?? marks.findLast(mark => mark.span <= spanBefore) ?? { span: 0, bytes: 0 }
  const stop = planStop(entry, exact ? [exact, ...marks] : marks, spanBefore, maxBytes, end)
  return {
    ...place,
    position: toPosition(place.position + start.bytes),
    bytes: stop.bytes - start.bytes,
    baseOffset: advance(baseOffset, start.span),
    span: stop.span === undefined ? undefined : stop.span - start.span,
  }
}

/** What is known as a mark, where it is in this very entry and about the wanted offset. */
function findKnown(
  entry: IndexEntry,
  place: ObjectPlace,
  known: KnownPlace,
  from: Offset,
  spanBefore: number,
): Mark | undefined {
  const bytes = known.position - place.position
  const isHere = known.object === place.object && bytes > 0 && bytes < entry.bytes
  return isHere && known.offset === from ? { span: spanBefore, bytes } : undefined
}

/** `maxBytes` count from the first mark at or above the first wanted record, since what lies before is dropped. */
function planStop(
  entry: IndexEntry,
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
  if (left.kind !== 'object' || right.kind !== 'object' || left.object !== right.object) return undefined
  if (left.span === undefined || left.position + left.bytes !== right.position) return undefined
  const span = right.span === undefined ? undefined : left.span + right.span
  return { ...left, bytes: left.bytes + right.bytes, span }
}
