import { MERGE_SPAN_MS_MIN, MERGE_SPANS_PER_RETENTION } from '../../limits.ts'

/** By what retention judges entries and segments alike. */
export interface Aging {
  readonly maxTimestampMs: number
  readonly createdMs: number
}

export function agingMs({ maxTimestampMs, createdMs }: Aging): number {
  return maxTimestampMs < 0 ? createdMs : maxTimestampMs
}

/**
 * How much later than what a segment begins with its newest may be. Retention takes all of a segment or nothing, from the
 * oldest on, so what it begins with waits for the newest. What comes later with an earlier time waits in any case.
 * @param retentionMs -1, or left out: nothing expires
 */
export function waitMsMax(retentionMs = -1): number {
  if (retentionMs < 0) return Number.POSITIVE_INFINITY
  return Math.max(MERGE_SPAN_MS_MIN, retentionMs / MERGE_SPANS_PER_RETENTION)
}
