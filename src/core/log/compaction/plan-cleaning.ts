import { type Offset, toOffset } from '../../numbers.ts'
import type { CleaningSettings } from '../../topic/topic-config.ts'
import type { Head } from '../head.ts'
import type { Segment } from '../settled/segment.ts'
import { sumOf } from '../settled/segment-sum.ts'

/** A topic's configs of compaction, and the time. */
export interface CleaningRules extends CleaningSettings {
  readonly nowMs: number
}

/** What a pass takes; what lies below `dirtyFrom` is rewritten with it. */
export interface CleaningPlan {
  readonly dirtyFrom: Offset
  /** As far as it may reach. It ends sooner where its map of keys is full. */
  readonly dirtyTo: Offset
  readonly because: 'dirty' | 'lag' | 'tombstones'
}

/**
 * What a pass would take; undefined: it is not worth it yet, or nothing may be cleaned. By Kafka's rules, and one more: where
 * the time of tombstones is over, a pass comes for them alone.
 * @param chain the segments that count, from the log's first one on, in order
 */
export function planCleaning(
  { settled }: Head,
  chain: readonly Segment[],
  rules: CleaningRules,
): CleaningPlan | undefined {
  const dirtyFrom = toOffset(Math.max(settled.cleanOffset, settled.firstOffset))
  const clean = chain.filter(({ end }) => end <= dirtyFrom)
  const dirty = cleanable(chain.slice(clean.length), rules)
  const dirtyTo = dirty.at(-1)?.end ?? dirtyFrom
  const because = reasonOf(clean, dirty, rules)
  // For tombstones alone nothing else is written anew: a log of which they come all the time would be, all the time.
  return because && { dirtyFrom, dirtyTo: because === 'tombstones' ? dirtyFrom : dirtyTo, because }
}

/** Whether the time is over of the tombstones in a segment below which there is nothing of their keys. */
export function hasOldTombstones(
  { tombstonesMs }: Segment,
  { deleteRetentionMs, nowMs }: CleaningRules,
): boolean {
  return tombstonesMs > 0 && tombstonesMs + deleteRetentionMs < nowMs
}

/** How many stretches of time there are to a tombstone's, in which those of one segment have become clean. */
const AGES_PER_RETENTION = 8

/**
 * In which stretch of time the tombstones have become clean that will stay of a segment; undefined: none stay, as far as is
 * known. Stretches are the same for all passes: a segment may take in what became clean in the same one, and no other.
 * @param cleanBefore up to where an earlier pass has cleaned
 */
export function tombstoneAge(
  segment: Segment,
  cleanBefore: Offset,
  rules: CleaningRules,
): number | undefined {
  const { deleteRetentionMs, nowMs } = rules
  const stretchMs = Math.max(1, deleteRetentionMs / AGES_PER_RETENTION)
  if (segment.end > cleanBefore) return Math.floor(nowMs / stretchMs)
  if (segment.tombstonesMs === 0 || hasOldTombstones(segment, rules)) return undefined
  return Math.floor(segment.tombstonesMs / stretchMs)
}

/** Up to the first segment with a record that is too young. */
function cleanable(dirty: readonly Segment[], { minLagMs, nowMs }: CleaningRules): readonly Segment[] {
  if (minLagMs === 0) return dirty
  const young = dirty.findIndex(segment => newestMs(segment) > nowMs - minLagMs)
  return young < 0 ? dirty : dirty.slice(0, young)
}

function reasonOf(
  clean: readonly Segment[],
  dirty: readonly Segment[],
  rules: CleaningRules,
): CleaningPlan['because'] | undefined {
  const [cleanBytes, dirtyBytes] = [sumOf(clean).bytes, sumOf(dirty).bytes]
  if (dirtyBytes > 0) {
    if (dirtyBytes > (cleanBytes + dirtyBytes) * rules.minDirtyRatio) return 'dirty'
    const { nowMs, maxLagMs } = rules
    const isLate = dirty.some(
      ({ firstTimestampMs }) => firstTimestampMs >= 0 && firstTimestampMs < nowMs - maxLagMs,
    )
    if (isLate) return 'lag'
  }
  return clean.some(segment => hasOldTombstones(segment, rules)) ? 'tombstones' : undefined
}

function newestMs({ maxTimestampMs, createdMs }: Segment): number {
  return maxTimestampMs < 0 ? createdMs : maxTimestampMs
}
