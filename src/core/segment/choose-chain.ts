import type { Level, Segment } from '../log/settled/segment.ts'
import { type Offset, toOffset } from '../numbers.ts'

/** A segment as its object's footer tells of it. */
export interface FoundSegment {
  readonly level: Level
  readonly segment: Segment
  /** Of what a pass of the cleaner has made: up to where that pass reaches; else 0. */
  readonly passEnd: Offset
  /** Of the same: up to where it is clean. What lies from there on is copied as it was. */
  readonly cleanTo: Offset
}

/** Offsets of which no object is left. */
export interface Gap {
  readonly from: Offset
  readonly to: Offset
}

/** What of a log's segments counts, as far as their objects show. */
export interface Chain {
  /** Where the log starts. */
  readonly startOffset: Offset
  /** In order; from one to the next there is no gap but those that are told, and no overlap but at mergedOffset. */
  readonly merged: readonly Segment[]
  /** What lies behind them, from mergedOffset on; the first one may begin before it. */
  readonly rolled: readonly Segment[]
  readonly mergedOffset: Offset
  readonly generation: number
  /** The highest generation that anybody has begun to make. */
  readonly cleaning: number
  readonly cleanOffset: Offset
  /** Damage: objects that were lost as well. */
  readonly gaps: readonly Gap[]
  /** What was superseded, or never came to count. */
  readonly unused: readonly Segment[]
}

/**
 * Which of the objects of a partition make its log, without the index that said so. Others are there too: what was merged
 * or cleaned is kept for a while, who lost a race leaves an object, and so does a pass of the cleaner that was not ended.
 *
 * Of all ways from the log's start to its end, those that leave the fewest offsets out are taken; of them the one with the
 * highest generation, and of these the one with the fewest segments. What a pass has cleaned is taken as a whole or not at all: a
 * part of it beside older segments could bring back what was deleted.
 * @param found in any order
 * @param startOffset the highest that is known otherwise
 */
export function chooseChain(found: readonly FoundSegment[], startOffset: Offset): Chain {
  const start = found.reduce<number>((max, { segment }) => Math.max(max, segment.startOffset), startOffset)
  const reach = { start, settled: found.reduce((max, each) => Math.max(max, settledBy(each)), start), end: 0 }
  reach.end = found.reduce((max, { segment }) => Math.max(max, segment.end), reach.settled)
  const ways = [undefined, ...passesOf(found)].map(pass => findWay(found, reach, pass))
  const best = ways.reduce((one, other) => (isBetter(other, one) ? other : one))
  return chainOf(found, best, toOffset(start))
}

/** The log had settled up to here for sure: a roll begins where it has, and merging and cleaning end there at the latest. */
function settledBy({ level, segment }: FoundSegment): Offset {
  return level === 'rolled' ? segment.baseOffset : segment.end
}

/** From where to where a way leads; what lies above `settled` may never have come to count, and is taken where it can be. */
interface Reach {
  readonly start: number
  readonly settled: number
  readonly end: number
}

/** A pass of the cleaner, by what its segments say of it. */
interface Pass {
  readonly generation: number
  readonly passEnd: Offset
  readonly cleanTo: Offset
}

/** How many offsets are left out. */
interface Missing {
  readonly missing: number
  /** Of what may never have come to count. */
  readonly missingAbove: number
}

/** A way through the log. */
interface Way extends Missing {
  readonly pass: Pass | undefined
  readonly steps: readonly Step[]
  readonly gaps: readonly Gap[]
}

/** A segment, and from which offset on a way takes it: not from its base where a drop or a pass has cut it. */
interface Step {
  readonly each: FoundSegment
  readonly from: number
}

function isBetter(one: Way, other: Way): boolean {
  const more = compareMissing(one, other)
  if (more !== 0) return more < 0
  return (one.pass?.generation ?? 0) > (other.pass?.generation ?? 0)
}

function compareMissing(one: Missing, other: Missing): number {
  return one.missing - other.missing || one.missingAbove - other.missingAbove
}

function passesOf(found: readonly FoundSegment[]): Pass[] {
  const passes = new Map<number, Pass>()
  for (const { level, passEnd, cleanTo } of found) {
    if (level !== 'rolled' && passEnd > 0) passes.set(level, { generation: level, passEnd, cleanTo })
  }
  return [...passes.values()]
}

/** Whether a segment may be part of a way on which this pass counts, or none. */
function isAllowed(each: FoundSegment, pass: Pass | undefined): boolean {
  const { level, segment, passEnd, cleanTo } = each
  if (pass === undefined) return !isCleaned(each)
  if (rank(each) > pass.generation) return false
  // A pass that was gone on with took over what the one before had made: of the same reach, under an earlier number.
  if (isCleaned(each)) return passEnd === pass.passEnd && cleanTo === pass.cleanTo
  return segment.baseOffset >= pass.cleanTo || (level === 'rolled' && segment.end > pass.passEnd)
}

function isCleaned({ segment, passEnd, cleanTo }: FoundSegment): boolean {
  return passEnd > 0 && segment.baseOffset < cleanTo
}

/** Whether a way may go on with a segment from this offset on: from its base, or where a drop or a pass has cut it. */
function beginsAt(each: FoundSegment, place: number, start: number, pass: Pass | undefined): boolean {
  const { baseOffset, end } = each.segment
  if (end <= place || baseOffset > place) return false
  // It is older than the pass, so it counts only from where that ends.
  const isAcross = pass !== undefined && !isCleaned(each) && baseOffset < pass.cleanTo
  if (isAcross && place < pass.passEnd) return false
  return baseOffset === place || place === start || place === pass?.passEnd
}

/** The best continuation from some offset on. */
interface Rest extends Missing {
  readonly segments: number
  readonly step: FoundSegment | undefined
  readonly next: number
}

function findWay(found: readonly FoundSegment[], reach: Reach, pass: Pass | undefined): Way {
  const { start, end } = reach
  const allowed = found.filter(each => isAllowed(each, pass) && each.segment.end > start)
  const beginning = byBase(allowed)
  const places = new Set([
    start,
    reach.settled,
    ...(pass ? [pass.passEnd] : []),
    ...allowed.flatMap(placesOf),
  ])
  const rests = new Map<number, Rest>()
  rests.set(end, { missing: 0, missingAbove: 0, segments: 0, step: undefined, next: end })
  let after = end
  for (const place of [...places].sort((one, other) => other - one)) {
    if (place < start || place >= end) continue
    const isCut = place === start || place === pass?.passEnd
    const candidates = (isCut ? allowed : (beginning.get(place) ?? [])).filter(each =>
      beginsAt(each, place, start, pass),
    )
    rests.set(place, bestRest(skip(place, after, rests.get(after)!, reach), candidates, rests))
    after = place
  }
  return followWay(rests, reach, pass)
}

/** What it means to take nothing up to the next offset at which something begins or ends. */
function skip(
  place: number,
  next: number,
  { missing, missingAbove, segments }: Rest,
  { settled }: Reach,
): Rest {
  const skipped = next - place
  const sums =
    place < settled
      ? { missing: missing + skipped, missingAbove }
      : { missing, missingAbove: missingAbove + skipped }
  return { ...sums, segments, step: undefined, next }
}

function bestRest(
  skipped: Rest,
  candidates: readonly FoundSegment[],
  rests: ReadonlyMap<number, Rest>,
): Rest {
  return candidates.reduce<Rest>((best, step) => {
    const next = step.segment.end
    const { missing, missingAbove, segments, step: follower } = rests.get(next)!
    if (follower && isForeign(step, follower)) return best
    const rest = { missing, missingAbove, segments: segments + 1, step, next }
    return isShorter(rest, best) ? rest : best
  }, skipped)
}

/** Whoever goes on with a pass makes what lies above: below what an earlier number has made is nothing of a later one. */
function isForeign(one: FoundSegment, follower: FoundSegment): boolean {
  return isCleaned(one) && isCleaned(follower) && rank(one) > rank(follower)
}

function isShorter(one: Rest, other: Rest): boolean {
  const more = compareMissing(one, other)
  if (more !== 0) return more < 0
  if (one.step === undefined || other.step === undefined) return other.step === undefined
  const isLater = rank(one.step) > rank(other.step)
  // Of what was cleaned, the later one holds less that was deleted.
  if (isCleaned(one.step) && isCleaned(other.step)) return isLater
  if (one.segments !== other.segments) return one.segments < other.segments
  return isLater
}

function byBase(found: readonly FoundSegment[]): Map<number, FoundSegment[]> {
  const byBase = new Map<number, FoundSegment[]>()
  for (const each of found) {
    const { baseOffset } = each.segment
    const others = byBase.get(baseOffset)
    if (others) others.push(each)
    else byBase.set(baseOffset, [each])
  }
  return byBase
}

function placesOf({ segment }: FoundSegment): number[] {
  return [segment.baseOffset, segment.end]
}

/** As generations follow one another; what was rolled comes first. */
function rank({ level }: FoundSegment): number {
  return level === 'rolled' ? -1 : level
}

function followWay(rests: ReadonlyMap<number, Rest>, reach: Reach, pass: Pass | undefined): Way {
  const { start, settled, end } = reach
  const steps: Step[] = []
  const gaps: Gap[] = []
  for (let place = start; place < end; ) {
    const { step, next } = rests.get(place)!
    if (step) steps.push({ each: step, from: place })
    else if (gaps.at(-1)?.to === place) gaps.push({ from: gaps.pop()!.from, to: toOffset(next) })
    else gaps.push({ from: toOffset(place), to: toOffset(next) })
    place = next
  }
  const { missing, missingAbove } = rests.get(start)!
  // What is out of reach above may never have come to count.
  const told = gaps.filter(({ from }) => from < settled)
  return { pass, missing, missingAbove, steps, gaps: told }
}

function chainOf(found: readonly FoundSegment[], { pass, steps, gaps }: Way, startOffset: Offset): Chain {
  // Behind a segment that a pass has cut none is merged: it counts from where the pass ends, and so must be the first one rolled.
  const cut = steps.findIndex(({ each, from }) => each.segment.baseOffset < from && from !== startOffset)
  const lastMerged = steps.findLastIndex(
    ({ each: { level, segment } }) => level !== 'rolled' || (pass && segment.end <= pass.passEnd),
  )
  const chosen = steps.map(({ each }) => each)
  const merged = chosen.slice(0, cut < 0 ? lastMerged + 1 : cut)
  const used = new Set(chosen)
  return {
    startOffset,
    merged: merged.map(({ segment }) => segment),
    rolled: chosen.slice(merged.length).map(({ segment }) => segment),
    mergedOffset: toOffset(
      steps[cut]?.from ?? merged.at(-1)?.segment.end ?? chosen[0]?.segment.baseOffset ?? startOffset,
    ),
    generation: Math.max(pass?.generation ?? 0, ...merged.map(rank)),
    cleaning: found.reduce((max, each) => Math.max(max, rank(each)), 0),
    cleanOffset: pass?.cleanTo ?? toOffset(0),
    gaps,
    unused: found.filter(each => !used.has(each)).map(({ segment }) => segment),
  }
}
