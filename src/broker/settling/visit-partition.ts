import type { Head } from '../../core/log/head.ts'
import { backlogBytes, settlingDue } from '../../core/log/settled/plan-roll.ts'
import { isSameSettled } from '../../core/log/settled/settled.ts'
import { readSettings } from '../../core/topic/topic-config.ts'
import type { Ports } from '../../ports/index.ts'
import { retryUntil } from '../store-calls/retry.ts'
import { type Budget, checkTime } from './budget.ts'
import { clean } from './clean.ts'
import { readCounted, segmentAt } from './counted-segments.ts'
import { drop } from './drop.ts'
import { merge, settleMerged, takeOver } from './merge.ts'
import { Moved } from './read-runs.ts'
import { RecordsMissing } from './records-missing.ts'
import { retain } from './retain.ts'
import { roll, settle } from './roll.ts'
import { rollRules } from './rules.ts'
import type { SettlingSettings } from './settling-settings.ts'
import { markStart } from './start-marker.ts'
import { sweep } from './sweep.ts'
import type { Log } from './write-segment.ts'

/** What a visit is for, beside what is due anyway. */
export interface VisitWants {
  /** All entries are settled whose objects are of epochs below this one; 0: none because of that. */
  readonly epochsBelow: number
  /** Entries in blocks, as far as whoever wants the visit knows. */
  readonly entries?: number
  /** Also what only late requests can have left is looked for. */
  readonly isThorough: boolean
  /** What somebody has begun to merge or clean, and nobody has ended, is brought to an end. */
  readonly endsUnfinished?: boolean
}

/** What a visit has come to. */
export interface Visited {
  /** As it was at the end; undefined: the log is gone. */
  readonly head: Head | undefined
  readonly rolledBytes: number
  readonly mergedBytes: number
  /** Of batches that compaction has taken out. */
  readonly compactedBytes: number
  /** Of batches that retention has let go of. */
  readonly expiredBytes: number
  /** Of batches that have not settled. */
  readonly backlogBytes: number
}

type Sums = { -readonly [Name in Exclude<keyof Visited, 'head' | 'backlogBytes'>]: number }

/** How often a visit begins anew because somebody else settles the same log. */
const TRIES_MAX = 3

/**
 * Brings one log on as far as is due: what stands at a boundary comes to count, what lies below the start is dropped, blocks are
 * rolled, what has expired goes, rolled segments are merged, what was superseded is compacted, and what does not count any more is
 * swept. It may be broken off anywhere, and made by several at once.
 * @throws TidemarkError REQUEST_TIMED_OUT, or TimeIsOver, at the deadline; RecordsMissing once all is done that can be without them;
 *   Moved where nobody moves the log, and something of it that should stand there does not
 */
export async function visit(
  ports: Ports,
  settings: SettlingSettings,
  log: Log,
  wants: VisitWants,
  budget: Budget,
): Promise<Visited> {
  const sums: Sums = { rolledBytes: 0, mergedBytes: 0, compactedBytes: 0, expiredBytes: 0 }
  const read = () => ports.index.readHead(log.partition)
  let found: Head | undefined
  for (let triesLeft = TRIES_MAX; ; triesLeft -= 1) {
    const before = found
    found = await retryUntil(ports, budget.deadlineMs, 'no', read)
    if (!found) return { head: undefined, ...sums, backlogBytes: 0 }
    try {
      const head = await settleOnce(ports, settings, log, found, wants, budget, sums)
      return { head, ...sums, backlogBytes: backlogBytes(head) }
    } catch (error) {
      if (!(error instanceof Moved)) throw error
      if (triesLeft > 0) continue
      if (before && isSame(before, found)) throw error
      // Others are always faster, and do what is due.
      return { head: found, ...sums, backlogBytes: backlogBytes(found) }
    }
  }
}

/** Whether nobody has moved anything between two readings. */
function isSame(before: Head, after: Head): boolean {
  return (
    isSameSettled(before.settled, after.settled) &&
    before.tailOffset === after.tailOffset &&
    before.startOffset === after.startOffset
  )
}

/** Somebody may have rolled more meanwhile. */
function takenOut(before: Head, after: Head): number {
  return Math.max(0, before.settled.bytes - after.settled.bytes)
}

async function settleOnce(
  ports: Ports,
  settings: SettlingSettings,
  log: Log,
  found: Head,
  wants: VisitWants,
  budget: Budget,
  sums: Sums,
): Promise<Head> {
  const { partition, topic } = log
  let missing: RecordsMissing | undefined
  /** Undefined where something is missing: then that is told once all else is done. */
  const unlessMissing = async <T>(step: Promise<T>): Promise<T | undefined> => {
    try {
      return await step
    } catch (error) {
      if (!(error instanceof RecordsMissing)) throw error
      missing ??= error
      return undefined
    }
  }
  let head = await adopt(ports, log, found, budget)
  if (head.startOffset > head.settled.firstOffset) {
    head = (await drop(ports, log, head, budget)) ?? head
    await markStart(ports, log, head, budget)
  } else if (wants.isThorough) {
    await markStart(ports, log, head, budget)
  }
  for (let { entries } = wants; ; entries = 0) {
    checkTime(ports.clock, budget)
    const rules = {
      ...rollRules(settings, topic, wants.epochsBelow, ports.clock.nowMs()),
      entries: entries ?? 0,
    }
    if (settlingDue(head, rules) !== 'roll') break
    const rolled = await unlessMissing(roll(ports, settings, log, head, rules, budget))
    if (!rolled) break
    head = rolled.head
    sums.rolledBytes += rolled.rolledBytes
  }
  // Before anything is merged that goes anyway.
  const retained = (await retain(ports, log, head, budget)) ?? head
  sums.expiredBytes += takenOut(head, retained)
  head = retained
  const { isCompacted } = readSettings(topic.configs, topic.expires ?? false)
  // What is compacted is merged by that.
  while (!isCompacted) {
    checkTime(ports.clock, budget)
    const merged = await unlessMissing(merge(ports, settings, log, head, budget))
    if (!merged) break
    head = merged.head
    sums.mergedBytes += merged.mergedBytes
  }
  // A pass goes no further than its map of keys has room; what was begun is given up once.
  for (let { endsUnfinished } = wants; ; endsUnfinished = false) {
    checkTime(ports.clock, budget)
    if (!isCompacted && head.settled.cleaning === head.settled.generation) break
    const cleaned = await unlessMissing(clean(ports, settings, log, head, budget, endsUnfinished))
    if (!cleaned) break
    sums.compactedBytes += takenOut(head, cleaned)
    head = cleaned
    // The generation of before does not count any more.
    await sweep(ports, partition, head, true, budget)
  }
  if (wants.endsUnfinished) head = await passBoundary(ports, log, head, budget)
  await sweep(ports, partition, head, wants.isThorough, budget)
  if (missing) throw missing
  return head
}

/** What stands at a boundary already comes to count, whoever has put it. */
async function adopt(ports: Ports, log: Log, found: Head, budget: Budget): Promise<Head> {
  const { partition } = log
  const { deadlineMs } = budget
  const { settledOffset, mergedOffset, generation } = found.settled
  const rolled = await segmentAt(ports, partition, 'rolled', settledOffset, deadlineMs)
  const head = rolled ? await settle(ports, log, rolled, budget) : found
  const merged = await segmentAt(ports, partition, generation, mergedOffset, deadlineMs)
  // In another generation something else may stand there, or nothing.
  const { settled } = head
  const isAsRead = settled.mergedOffset === mergedOffset && settled.generation === generation
  if (!merged || !isAsRead || merged.end > settled.settledOffset) return head
  return await settleMerged(ports, log, head.settled, merged, budget)
}

/**
 * Has mergedOffset move, so that whatever somebody may have uploaded to be put there is decided on: by the item of one rolled
 * segment, with the object that it has.
 */
async function passBoundary(ports: Ports, log: Log, head: Head, budget: Budget): Promise<Head> {
  const { mergedOffset, settledOffset } = head.settled
  const range = { level: 'rolled', lo: mergedOffset, hi: settledOffset } as const
  const [first] = await readCounted(ports, log.partition, range, budget.deadlineMs, 1)
  if (first?.baseOffset !== mergedOffset) return head
  return (await takeOver(ports, log, head, first, budget)).head
}
