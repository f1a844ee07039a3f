import { type Offset, toOffset } from '../../numbers.ts'
import type { Head } from '../head.ts'
import type { Segment } from '../settled/segment.ts'
import { type SegmentSums, sumOf } from '../settled/segment-sum.ts'
import { isUnsettled, type Settled } from '../settled/settled.ts'
import type { LogSummary } from '../summary.ts'

/** What may become of a log's boundaries, each in one step on the head. */
export type Move =
  /** What stands at settledOffset comes to count. */
  | { readonly kind: 'settle'; readonly segment: Segment; readonly nowMs: number }
  /** What stands at mergedOffset comes to count, and rolled segments cease to. */
  | {
      readonly kind: 'merge'
      readonly generation: number
      readonly segment: Segment
      /** Of the rolled segments that cease to count. */
      readonly inputs: SegmentSums
    }
  /** What lies wholly below `to` goes. */
  | {
      readonly kind: 'drop'
      readonly from: Boundaries
      readonly to: Offset
      /** Of the segments that cease to count. */
      readonly removed: SegmentSums
      /** Where the log starts from then on; left out: where it does. */
      readonly startOffset?: Offset
      /** By which it was decided; left out: it goes by no rules. */
      readonly rules?: number
      /** Up to `to`, where settledOffset moves up. */
      readonly loggedBytes?: number
    }
  /** A pass of the cleaner begins to make the next generation. */
  | {
      readonly kind: 'begin cleaning'
      readonly cleaning: number
      /** 0, or the standing one, whose items it takes over. */
      readonly resumes: number
      readonly to: Offset
      readonly clean: Offset
      readonly rules: number
    }
  /** What it has made comes to count. */
  | {
      readonly kind: 'clean'
      readonly cleaning: number
      readonly from: Boundaries
      readonly rules: number
      /** Of the segments that come to count, and of those that cease to. */
      readonly sums: SegmentSums
      readonly removed: SegmentSums
    }
  /** Somebody has altered what decides on deleting. */
  | { readonly kind: 'alter' }
  /** The head of a log that was found in its objects; only where nothing was ever appended. */
  | {
      readonly kind: 'adopt'
      readonly settled: Settled
      readonly startOffset: Offset
      readonly nextOffset: Offset
      readonly flushed: LogSummary
    }

/** As they were when a move was planned. */
export type Boundaries = Pick<Settled, 'firstOffset' | 'mergedOffset' | 'settledOffset' | 'generation'>

/** The head after a move; undefined: its condition does not hold. */
export function applyMove(head: Head, move: Move): Head | undefined {
  switch (move.kind) {
    case 'settle':
      return applySettle(head, move)
    case 'merge':
      return applyMerge(head, move)
    case 'drop':
      return applyDrop(head, move)
    case 'begin cleaning':
      return applyBeginCleaning(head, move)
    case 'clean':
      return applyClean(head, move)
    case 'alter':
      return applyAlter(head)
    case 'adopt':
      return applyAdopt(head, move)
  }
}

type MoveOf<Kind extends Move['kind']> = Extract<Move, { readonly kind: Kind }>

function applySettle(head: Head, { segment, nowMs }: MoveOf<'settle'>): Head | undefined {
  const { settled } = head
  if (segment.baseOffset !== settled.settledOffset || segment.end <= segment.baseOffset) return undefined
  if (segment.end > head.tailOffset) return undefined
  return withSettled(head, {
    settledOffset: segment.end,
    ...changedSums(settled, sumOf([segment])),
    loggedBytes: segment.loggedBytes,
    settledMs: nowMs,
  })
}

function applyMerge(head: Head, { generation, segment, inputs }: MoveOf<'merge'>): Head | undefined {
  const { settled } = head
  if (generation !== settled.generation || segment.baseOffset !== settled.mergedOffset) return undefined
  if (segment.end <= segment.baseOffset || segment.end > settled.settledOffset) return undefined
  return withSettled(head, { mergedOffset: segment.end, ...changedSums(settled, sumOf([segment]), inputs) })
}

function applyDrop(head: Head, move: MoveOf<'drop'>): Head | undefined {
  const { settled } = head
  const { from, to, removed, rules } = move
  const startOffset = move.startOffset ?? head.startOffset
  const movesSettled = to > settled.settledOffset
  const isAsPlanned =
    sameMerged(settled, from) &&
    // Where all that was rolled goes, it was summed up to there.
    (to <= from.settledOffset || settled.settledOffset === from.settledOffset) &&
    (rules === undefined || rules === settled.rules)
  if (!isAsPlanned || startOffset < head.startOffset || startOffset > head.nextOffset) return undefined
  if (to < settled.firstOffset || to > head.tailOffset || to > startOffset) return undefined
  if (movesSettled && move.loggedBytes === undefined) return undefined
  const moved = withSettled(head, {
    firstOffset: to,
    mergedOffset: later(settled.mergedOffset, to),
    settledOffset: later(settled.settledOffset, to),
    ...changedSums(settled, NO_SUMS, removed),
    ...(movesSettled && { loggedBytes: move.loggedBytes! }),
  })
  return { ...moved, startOffset }
}

function applyBeginCleaning(head: Head, move: MoveOf<'begin cleaning'>): Head | undefined {
  const { settled } = head
  const { cleaning, resumes, to, clean, rules } = move
  if (cleaning !== settled.cleaning + 1 || rules !== settled.rules) return undefined
  if (to > settled.settledOffset || to < settled.mergedOffset || clean > to) return undefined
  const goesOn =
    resumes === settled.cleaning &&
    settled.cleaning > settled.generation &&
    to === settled.cleaningTo &&
    clean === settled.cleaningClean
  if (resumes !== 0 && !goesOn) return undefined
  return withSettled(head, { cleaning, resumes, cleaningTo: to, cleaningClean: clean })
}

function applyClean(head: Head, move: MoveOf<'clean'>): Head | undefined {
  const { settled } = head
  const { cleaning, from, rules, sums, removed } = move
  if (cleaning !== settled.cleaning || cleaning <= settled.generation) return undefined
  if (!sameMerged(settled, from) || rules !== settled.rules) return undefined
  // No boundary goes back: what was dropped meanwhile may reach beyond the pass.
  if (settled.cleaningTo < settled.mergedOffset) return undefined
  return withSettled(head, {
    generation: cleaning,
    resumes: 0,
    mergedOffset: settled.cleaningTo,
    cleanOffset: settled.cleaningClean,
    ...changedSums(settled, sums, removed),
  })
}

/** A pass that was begun by other rules is void, and nobody takes anything over from it. */
function applyAlter(head: Head): Head {
  const nothing = { cleaningTo: toOffset(0), cleaningClean: toOffset(0) }
  return withSettled(head, { rules: head.settled.rules + 1, ...nothing })
}

function applyAdopt(head: Head, move: MoveOf<'adopt'>): Head | undefined {
  const { settled, startOffset, nextOffset, flushed } = move
  if (head.nextOffset !== 0 || !isUnsettled(head.settled) || settled.settledOffset !== nextOffset)
    return undefined
  if (settled.firstOffset > startOffset || startOffset > nextOffset) return undefined
  return { ...head, settled, startOffset, tailOffset: nextOffset, nextOffset, flushed }
}

const NO_SUMS: SegmentSums = { segmentSum: 0, bytes: 0 }

function withSettled(head: Head, changes: Partial<Settled>): Head {
  return { ...head, settled: { ...head.settled, ...changes } }
}

function changedSums(settled: Settled, added: SegmentSums, removed: SegmentSums = NO_SUMS): SegmentSums {
  return {
    segmentSum: settled.segmentSum - removed.segmentSum + added.segmentSum,
    bytes: settled.bytes - removed.bytes + added.bytes,
  }
}

function sameMerged(settled: Settled, from: Boundaries): boolean {
  return (
    settled.generation === from.generation &&
    settled.firstOffset === from.firstOffset &&
    settled.mergedOffset === from.mergedOffset
  )
}

function later(one: Offset, other: Offset): Offset {
  return one > other ? one : other
}
