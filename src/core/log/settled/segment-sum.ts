import type { Segment } from './segment.ts'

/** What segments add up to, in `Settled`. */
export interface SegmentSums {
  readonly segmentSum: number
  readonly bytes: number
}

const HASH_DIGITS = 8

/** Ids are random, so a part of one is as good as a hash. Below 2^32. */
export function segmentHash(segment: Segment): number {
  return Number.parseInt(segment.id.slice(0, HASH_DIGITS), 16)
}

/** The sums over all of these, in whatever order. */
export function sumOf(segments: readonly Segment[]): SegmentSums {
  return {
    segmentSum: segments.reduce((sum, segment) => sum + segmentHash(segment), 0),
    bytes: segments.reduce((sum, { bytes }) => sum + bytes, 0),
  }
}

/** The largest timestamp of their records; -1 where they have none. */
export function latestOf(segments: readonly Segment[]): number {
  return segments.reduce((latest, { maxTimestampMs }) => Math.max(latest, maxTimestampMs), -1)
}
