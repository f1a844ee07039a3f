import { expect, test } from 'vitest'
import { type CleaningRules, planCleaning } from '../../../../src/core/log/compaction/plan-cleaning.ts'
import type { Segment } from '../../../../src/core/log/settled/segment.ts'
import { toOffset } from '../../../../src/core/numbers.ts'
import { headOver, segmentsOf } from '../segments.ts'

const DEFAULTS: CleaningRules = {
  minDirtyRatio: 0.5,
  minLagMs: 0,
  maxLagMs: Number.MAX_SAFE_INTEGER,
  deleteRetentionMs: 86_400_000,
  nowMs: 1_000_000_000,
}

interface Row {
  readonly of: readonly Partial<Segment>[]
  /** Up to where earlier passes have come. */
  readonly clean?: number
  readonly first?: number
  readonly rules?: Partial<CleaningRules>
  readonly plan: readonly [from: number, to: number, because: string] | undefined
}

const EVEN = [{ bytes: 100 }, { bytes: 100 }, { bytes: 100 }]

/** What Apache Kafka's LogCleanerManager does with the same segments, but for tombstones. */
const ROWS: Record<string, Row> = {
  'nothing has settled': { of: [], plan: undefined },
  'nothing was cleaned yet: all is dirty': { of: EVEN, plan: [0, 30, 'dirty'] },
  'two of three are dirty': { of: EVEN, clean: 10, plan: [10, 30, 'dirty'] },
  'one of three is not enough': { of: EVEN, clean: 20, plan: undefined },
  'one of two is just not enough': { of: EVEN.slice(1), clean: 10, plan: undefined },
  'one of two is enough for less': {
    of: EVEN.slice(1),
    clean: 10,
    rules: { minDirtyRatio: 0.49 },
    plan: [10, 20, 'dirty'],
  },
  'with a ratio of 0 anything is enough': {
    of: EVEN,
    clean: 20,
    rules: { minDirtyRatio: 0 },
    plan: [20, 30, 'dirty'],
  },
  'but not nothing': { of: EVEN, clean: 30, rules: { minDirtyRatio: 0 }, plan: undefined },
  'with a ratio of 1 nothing is': { of: EVEN, rules: { minDirtyRatio: 1 }, plan: undefined },
  'dirty segments without a record are nothing': {
    of: [{ bytes: 100 }, { bytes: 0 }],
    clean: 10,
    rules: { minDirtyRatio: 0 },
    plan: undefined,
  },
  'a pass that ended in the midst of a segment goes on from there': {
    of: EVEN,
    clean: 15,
    plan: [15, 30, 'dirty'],
  },
  'what was dropped is not looked at': { of: EVEN, clean: 5, first: 10, plan: [10, 30, 'dirty'] },
  'a record that is too young keeps its segment and all behind it': {
    of: [{ maxTimestampMs: 1_000 }, { maxTimestampMs: 5_001 }, { maxTimestampMs: 2_000 }],
    rules: { minLagMs: 1_000, nowMs: 6_000 },
    plan: [0, 10, 'dirty'],
  },
  'and no other': {
    of: [{ maxTimestampMs: 1_000 }, { maxTimestampMs: 5_000 }, { maxTimestampMs: 2_000 }],
    rules: { minLagMs: 1_000, nowMs: 6_000 },
    plan: [0, 30, 'dirty'],
  },
  'a young one in front keeps all': {
    of: [{ maxTimestampMs: 9e12 }, { maxTimestampMs: 2_000 }],
    rules: { minLagMs: 1_000, nowMs: 6_000 },
    plan: undefined,
  },
  'without a lag, a time in the future keeps none': {
    of: [{ maxTimestampMs: 9e12 }],
    plan: [0, 10, 'dirty'],
  },
  'without timestamps, it is as young as its newest entry': {
    of: [
      { maxTimestampMs: -1, createdMs: 1_000 },
      { maxTimestampMs: -1, createdMs: 5_500 },
    ],
    rules: { minLagMs: 1_000, nowMs: 6_000 },
    plan: [0, 10, 'dirty'],
  },
  'little is dirty, and has been so for too long': {
    of: [{ bytes: 1_000 }, { bytes: 10, firstTimestampMs: 4_999 }],
    clean: 10,
    rules: { maxLagMs: 1_000, nowMs: 6_000 },
    plan: [10, 20, 'lag'],
  },
  'or not yet for too long': {
    of: [{ bytes: 1_000 }, { bytes: 10, firstTimestampMs: 5_000 }],
    clean: 10,
    rules: { maxLagMs: 1_000, nowMs: 6_000 },
    plan: undefined,
  },
  'or is too young at the same time': {
    of: [{ bytes: 1_000 }, { bytes: 10, firstTimestampMs: 1_000, maxTimestampMs: 5_900 }],
    clean: 10,
    rules: { maxLagMs: 1_000, minLagMs: 500, nowMs: 6_000 },
    plan: undefined,
  },
  'tombstones whose time is over': {
    of: [{ tombstonesMs: 4_999 }, {}],
    clean: 20,
    rules: { deleteRetentionMs: 1_000, nowMs: 6_000 },
    plan: [20, 20, 'tombstones'],
  },
  'tombstones whose time is not over': {
    of: [{ tombstonesMs: 5_000 }, {}],
    clean: 20,
    rules: { deleteRetentionMs: 1_000, nowMs: 6_000 },
    plan: undefined,
  },
  'what is dirty waits, and is not written anew because of tombstones': {
    of: [{ bytes: 1_000, tombstonesMs: 1 }, { bytes: 10 }],
    clean: 10,
    rules: { deleteRetentionMs: 1_000, nowMs: 6_000 },
    plan: [10, 10, 'tombstones'],
  },
}

test.each(Object.entries(ROWS))('%s', (_, { of, clean = 0, first = 0, rules, plan }) => {
  const chain = segmentsOf(...of)
  const head = headOver(chain, 1)
  const boundaries = { cleanOffset: toOffset(clean), firstOffset: toOffset(first) }
  const planned = planCleaning(
    { ...head, settled: { ...head.settled, ...boundaries } },
    chain.filter(({ end }) => end > first),
    { ...DEFAULTS, ...rules },
  )
  expect(planned && [planned.dirtyFrom, planned.dirtyTo, planned.because]).toEqual(plan)
})
