import { describe, expect, test } from 'vitest'
import { planRetention, type RetentionRules } from '../../../../src/core/log/retention/plan-retention.ts'
import type { Segment } from '../../../../src/core/log/settled/segment.ts'
import { toOffset } from '../../../../src/core/numbers.ts'
import { headOver, segmentsOf } from '../segments.ts'

const YEAR_2100_MS = 4_102_444_800_000

interface Row {
  readonly of: readonly Partial<Segment>[]
  readonly unsettled?: number
  readonly rules: Partial<RetentionRules>
  /** How many of the oldest segments go. */
  readonly goes: number
}

const TIMES = [1_000, 2_000, 3_000].map(maxTimestampMs => ({ maxTimestampMs }))
const SIZES = [100, 200, 300].map(bytes => ({ bytes }))

/** What Apache Kafka's UnifiedLog deletes of the same segments. */
const ROWS: Record<string, Row> = {
  'no limit': { of: TIMES, unsettled: 1, rules: {}, goes: 0 },
  'no segment': { of: [], unsettled: 1, rules: { retentionMs: 0, nowMs: 9e12 }, goes: 0 },
  'young enough': { of: TIMES, unsettled: 1, rules: { retentionMs: 1_000, nowMs: 2_000 }, goes: 0 },
  'older by a millisecond': { of: TIMES, unsettled: 1, rules: { retentionMs: 1_000, nowMs: 2_001 }, goes: 1 },
  'two are too old': { of: TIMES, unsettled: 1, rules: { retentionMs: 1_000, nowMs: 3_500 }, goes: 2 },
  'all are too old, and something follows': {
    of: TIMES,
    unsettled: 1,
    rules: { retentionMs: 1_000, nowMs: 9_000 },
    goes: 3,
  },
  'all are too old, and the newest stays': {
    of: TIMES,
    rules: { retentionMs: 1_000, nowMs: 9_000 },
    goes: 2,
  },
  'a single one stays': { of: TIMES.slice(0, 1), rules: { retentionMs: 0, nowMs: 9e12 }, goes: 0 },
  'a record of the year 2100 keeps its segment and those behind': {
    of: [{ maxTimestampMs: 1_000 }, { maxTimestampMs: YEAR_2100_MS }, { maxTimestampMs: 3_000 }],
    unsettled: 1,
    rules: { retentionMs: 1_000, nowMs: 9_000 },
    goes: 1,
  },
  'a record of the year 2100 keeps none before it': {
    of: [{ maxTimestampMs: 1_000 }, { maxTimestampMs: 2_000 }, { maxTimestampMs: YEAR_2100_MS }],
    unsettled: 1,
    rules: { retentionMs: 1_000, nowMs: 9_000 },
    goes: 2,
  },
  'and none for ever': {
    of: [{ maxTimestampMs: YEAR_2100_MS }, { maxTimestampMs: 2_000 }],
    unsettled: 1,
    rules: { retentionMs: 1_000, nowMs: YEAR_2100_MS + 1_001 },
    goes: 2,
  },
  'without timestamps, it is as old as its newest entry': {
    of: [
      { maxTimestampMs: -1, createdMs: 5_000 },
      { maxTimestampMs: -1, createdMs: 6_000 },
    ],
    unsettled: 1,
    rules: { retentionMs: 1_000, nowMs: 6_500 },
    goes: 1,
  },
  'timestamp 0 is one': {
    of: [{ maxTimestampMs: 0, createdMs: 5_000 }],
    unsettled: 1,
    rules: { retentionMs: 1_000, nowMs: 5_500 },
    goes: 1,
  },
  'as large as allowed': { of: SIZES, unsettled: 50, rules: { retentionBytes: 650 }, goes: 0 },
  'larger, but not by a whole segment': {
    of: SIZES,
    unsettled: 50,
    rules: { retentionBytes: 551 },
    goes: 0,
  },
  'larger by just a segment': { of: SIZES, unsettled: 50, rules: { retentionBytes: 550 }, goes: 1 },
  'larger by two': { of: SIZES, unsettled: 50, rules: { retentionBytes: 350 }, goes: 2 },
  'what has not settled counts': { of: SIZES, unsettled: 5_000, rules: { retentionBytes: 600 }, goes: 3 },
  'nothing is allowed, and the newest stays': { of: SIZES, rules: { retentionBytes: 0 }, goes: 2 },
  'nothing is allowed, and something follows': {
    of: SIZES,
    unsettled: 1,
    rules: { retentionBytes: 0 },
    goes: 3,
  },
  'a large one in front goes only once the rest is enough': {
    of: [{ bytes: 1_000 }, { bytes: 10 }],
    unsettled: 10,
    rules: { retentionBytes: 500 },
    goes: 0,
  },
  'one is too old, and then it is too much': {
    of: [
      { bytes: 100, maxTimestampMs: 1_000 },
      { bytes: 300, maxTimestampMs: 5_000 },
      { bytes: 300, maxTimestampMs: 6_000 },
    ],
    unsettled: 100,
    rules: { retentionMs: 1_000, nowMs: 3_000, retentionBytes: 400 },
    goes: 2,
  },
  'what compaction has emptied goes as its age says': {
    of: [
      { bytes: 0, maxTimestampMs: -1, createdMs: 500 },
      { bytes: 100, maxTimestampMs: 1_000 },
    ],
    unsettled: 1,
    rules: { retentionMs: 1_000, nowMs: 1_600 },
    goes: 1,
  },
}

test.each(Object.entries(ROWS))('%s', (_, { of, unsettled, rules, goes }) => {
  const segments = segmentsOf(...of)
  const head = headOver(segments, unsettled)
  const plan = planRetention(head, segments, { retentionMs: -1, retentionBytes: -1, nowMs: 0, ...rules })
  const expected = { startOffset: segments[goes - 1]?.end, isAll: goes === segments.length }
  expect(plan).toEqual(goes === 0 ? undefined : expected)
})

describe('a log whose records were deleted', () => {
  const segments = segmentsOf(...TIMES)

  test('does not start earlier again', () => {
    const head = { ...headOver(segments, 1), startOffset: toOffset(15) }
    const rules = { retentionMs: 1_000, retentionBytes: -1, nowMs: 2_001 }
    expect(planRetention(head, segments, rules)).toEqual({ startOffset: 15, isAll: false })
  })

  test('has the bytes that compaction left it, not all that there ever were', () => {
    const head = headOver(segments, 1)
    const cleaned = { ...head, settled: { ...head.settled, bytes: 120 } }
    const rules = { retentionMs: -1, retentionBytes: 100, nowMs: 0 }
    expect(planRetention(head, segments, rules)).toEqual({ startOffset: 20, isAll: false })
    expect(planRetention(cleaned, segments, rules)).toBeUndefined()
  })
})

test('what was read of a long log may all go, and more is asked for', () => {
  const segments = segmentsOf(...TIMES)
  const head = headOver(segments, 1)
  const rules = { retentionMs: 0, retentionBytes: -1, nowMs: 9_000 }
  expect(planRetention(head, segments.slice(0, 2), rules)).toEqual({ startOffset: 20, isAll: true })
})
