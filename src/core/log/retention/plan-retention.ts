import { type Offset, toOffset } from '../../numbers.ts'
import { countBytes } from '../entry.ts'
import type { Head } from '../head.ts'
import type { Segment } from '../settled/segment.ts'

/** A topic's `retention.ms` and `retention.bytes`; -1: no such limit. */
export interface RetentionRules {
  readonly retentionMs: number
  readonly retentionBytes: number
  readonly nowMs: number
}

/**
 * How far the log's start may move: to the end of the last of the oldest segments that go, by Kafka's rules but for one.
 * Undefined: none goes. The log's newest segment always stays, which in Kafka goes by its time, too; where something has not
 * settled, that is one yet to be.
 * @param oldest segments that count, from the log's first one on, in order: as many as were read
 * @returns `isAll`: all that were given go, so what follows on them may go, too
 */
export function planRetention(
  head: Head,
  oldest: readonly Segment[],
  rules: RetentionRules,
): { startOffset: Offset; isAll: boolean } | undefined {
  let bytes = liveBytes(head)
  let goes = 0
  for (const segment of oldest) {
    const isNewest = segment.end >= head.nextOffset
    const isTooMuch = rules.retentionBytes >= 0 && bytes - segment.bytes >= rules.retentionBytes
    if (isNewest || !(isTooMuch || isTooOld(segment, rules))) break
    bytes -= segment.bytes
    goes += 1
  }
  const last = oldest[goes - 1]
  if (!last) return undefined
  // The start may lie further on already, where somebody has deleted records.
  const startOffset = toOffset(Math.max(last.end, head.startOffset))
  return { startOffset, isAll: goes === oldest.length }
}

/** By its own largest timestamp: one that lies in the future keeps its segment, and what follows on that, as in Kafka. */
function isTooOld({ maxTimestampMs, createdMs }: Segment, { retentionMs, nowMs }: RetentionRules): boolean {
  if (retentionMs < 0) return false
  return (maxTimestampMs < 0 ? createdMs : maxTimestampMs) < nowMs - retentionMs
}

/** What the log has, without what retention and compaction have taken out of it. */
function liveBytes({ settled, flushed, tail }: Head): number {
  return settled.bytes + flushed.bytes - settled.loggedBytes + countBytes(tail)
}
