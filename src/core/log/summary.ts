import { countBytes, type IndexEntry } from './entry.ts'

/**
 * Sums over a log from its very beginning to some offset. Both only grow, so the block in which a size or
 * a timestamp is first reached can be found by halving, however long the log is.
 */
export interface LogSummary {
  readonly bytes: number
  /** The largest timestamp so far; -1 where there is none. */
  readonly maxTimestampMs: number
}

export const EMPTY_SUMMARY: LogSummary = { bytes: 0, maxTimestampMs: -1 }

/** The summary at the end of `entries`, when `before` is the one at their beginning. */
export function summarize(before: LogSummary, entries: readonly IndexEntry[]): LogSummary {
  return {
    bytes: before.bytes + countBytes(entries),
    maxTimestampMs: entries.reduce(
      (max, entry) => Math.max(max, entry.maxTimestampMs),
      before.maxTimestampMs,
    ),
  }
}
