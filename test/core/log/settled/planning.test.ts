import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  MERGE_SEGMENTS_MAX,
  MERGE_SEGMENTS_MIN,
  MERGE_SPAN_MS_MIN,
  ROLL_AGED_BYTES,
  ROLL_AGED_MS,
  ROLL_BYTES,
  ROLL_ENTRIES,
  ROLL_YOUNG_MS,
  SEGMENT_DEFAULT_BYTES,
  SEGMENT_WRITES_MAX,
} from '../../../../src/core/limits.ts'
import { type Block, blockEnd } from '../../../../src/core/log/block.ts'
import { countBytes, type IndexEntry } from '../../../../src/core/log/entry.ts'
import { EMPTY_HEAD, type Head } from '../../../../src/core/log/head.ts'
import { type MergeRules, planMerge } from '../../../../src/core/log/settled/plan-merge.ts'
import { planRoll, type RollRules, settlingDue } from '../../../../src/core/log/settled/plan-roll.ts'
import type { Segment } from '../../../../src/core/log/settled/segment.ts'
import { type Offset, toOffset, toPosition } from '../../../../src/core/numbers.ts'

const KiB = 1024
const MiB = 1024 * KiB
const NOW_MS = 1_700_000_000_000
const OLD_MS = NOW_MS - 60 * 60_000

let ids = 0
const newId = () => (ids++).toString(16).padStart(32, '0')

function entryOf(
  bytes: number,
  createdMs = OLD_MS,
  more: Partial<IndexEntry> & { epoch?: number } = {},
): IndexEntry {
  const { epoch = 1, ...rest } = more
  const id = newId()
  return {
    id,
    span: 1,
    bytes,
    maxTimestampMs: createdMs,
    createdMs,
    place: { kind: 'object', object: id, position: toPosition(0), epoch },
    marks: [],
    producers: [],
    ...rest,
  }
}

/** Blocks that follow one another from `from` on, each of these entries. */
function blocksOf(drafts: readonly (readonly IndexEntry[])[], from: Offset = toOffset(0)): Block[] {
  let next = from
  return drafts.map(entries => {
    const block = { baseOffset: next, entries, summary: { bytes: 0, maxTimestampMs: -1 } }
    next = blockEnd(block)
    return block
  })
}

/** A head above these blocks. */
function headOf(
  blocks: readonly Block[],
  settled: Partial<Head['settled']> = {},
  more: Partial<Head> = {},
): Head {
  const tailOffset = blocks.length > 0 ? blockEnd(blocks.at(-1)!) : toOffset(0)
  const bytes = blocks.reduce((sum, block) => sum + countBytes(block.entries), 0)
  return {
    ...EMPTY_HEAD,
    tailOffset,
    nextOffset: tailOffset,
    flushed: { bytes, maxTimestampMs: -1 },
    settled: { ...EMPTY_HEAD.settled, settledMs: OLD_MS, ...settled },
    ...more,
  }
}

const RULES: RollRules = { segmentBytes: SEGMENT_DEFAULT_BYTES, nowMs: NOW_MS, epochsBelow: 0 }

describe('a roll is due', () => {
  const due = (blocks: Block[], rules: Partial<RollRules> = {}, settled: Partial<Head['settled']> = {}) => {
    const head = headOf(blocks, settled)
    return [settlingDue(head, { ...RULES, ...rules }), planRoll(head, blocks, { ...RULES, ...rules }).length]
  }
  const mebibytes = (count: number) => blocksOf(Array.from({ length: count }, () => [entryOf(MiB)]))

  test('with enough bytes, at once', () => {
    expect(due(mebibytes(ROLL_BYTES / MiB), {}, { settledMs: NOW_MS })).toEqual(['roll', 64])
    expect(due(mebibytes(ROLL_BYTES / MiB - 1), {}, { settledMs: NOW_MS })).toEqual([undefined, 0])
  })

  test("with as many bytes as the topic's segments have", () => {
    expect(due(mebibytes(2), { segmentBytes: 2 * MiB }, { settledMs: NOW_MS })).toEqual(['roll', 2])
    expect(
      due(blocksOf([[entryOf(100)], [entryOf(100)]]), { segmentBytes: 14 }, { settledMs: NOW_MS }),
    ).toEqual(['roll', 1])
  })

  test('with young ones too, where what a round wants lies behind them', () => {
    // The rest was not read: a segment's worth is enough.
    const young = blocksOf(
      Array.from({ length: ROLL_BYTES / MiB }, () => [entryOf(MiB, NOW_MS + 1, { epoch: 9 })]),
    )
    expect(due(young, {})).toEqual(['roll', 0])
    expect(due(young, { epochsBelow: 5 })).toEqual(['roll', 64])
  })

  test('with fewer bytes after a while', () => {
    const settledMs = NOW_MS - ROLL_AGED_MS
    expect(due(mebibytes(ROLL_AGED_BYTES / MiB), {}, { settledMs })).toEqual(['roll', 1])
    expect(due(mebibytes(ROLL_AGED_BYTES / MiB), {}, { settledMs: settledMs + 1 })).toEqual([undefined, 0])
    expect(due(blocksOf([[entryOf(ROLL_AGED_BYTES - 1)]]), {}, { settledMs })).toEqual([undefined, 0])
  })

  test('with enough entries, as far as they are known', () => {
    const blocks = blocksOf(
      Array.from({ length: ROLL_ENTRIES / 8 }, () => Array.from({ length: 8 }, () => entryOf(5))),
    )
    expect(due(blocks, {}, { settledMs: NOW_MS })).toEqual([undefined, 64])
    expect(due(blocks, { entries: ROLL_ENTRIES }, { settledMs: NOW_MS })).toEqual(['roll', 64])
  })

  test('for a round wherever there are blocks that it wants, however small and young', () => {
    const blocks = blocksOf([
      [entryOf(5, NOW_MS)],
      [entryOf(5, NOW_MS, { epoch: 3 })],
      [entryOf(5, NOW_MS, { epoch: 4 })],
    ])
    expect(due(blocks, { epochsBelow: 4 })).toEqual(['roll', 2])
    expect(settlingDue(headOf(blocks, {}, { drained: 4 }), { ...RULES, epochsBelow: 4 })).toBeUndefined()
    expect(due(blocks, { epochsBelow: 1 })).toEqual(['roll', 0])
    expect(settlingDue(headOf([]), { ...RULES, epochsBelow: 4 })).toBeUndefined()
  })

  test('for a round where blocks bear payloads that are of no epoch, unless they are young, and for nobody else', () => {
    const inline = (createdMs: number): IndexEntry => ({
      ...entryOf(5, createdMs),
      place: { kind: 'inline', payload: new Uint8Array(5) },
    })
    const blocks = blocksOf([[inline(OLD_MS)], [inline(OLD_MS)], [inline(NOW_MS)]])
    expect(due(blocks, { epochsBelow: 4 })).toEqual(['roll', 2])
    expect(due(blocks)).toEqual([undefined, 0])
  })

  test('and takes nothing that is young', () => {
    const youngMs = NOW_MS - ROLL_YOUNG_MS + 1
    const blocks = blocksOf([[entryOf(ROLL_BYTES)], [entryOf(5, OLD_MS), entryOf(5, youngMs)], [entryOf(5)]])
    expect(due(blocks)).toEqual(['roll', 1])
  })

  test('and takes nothing behind a gap, nor what is in the tail', () => {
    const blocks = blocksOf([[entryOf(ROLL_BYTES)], [entryOf(5)], [entryOf(5)]])
    const head = headOf(blocks)
    expect(planRoll(head, [blocks[0]!, blocks[2]!], RULES)).toEqual([blocks[0]])
    expect(planRoll({ ...head, tailOffset: toOffset(2) }, blocks, RULES)).toEqual(blocks.slice(0, 2))
    expect(planRoll(head, blocks.slice(1), RULES)).toEqual([])
  })
})

test('what lies below the start is to be dropped, where the head alone can tell', () => {
  const blocks = blocksOf([[entryOf(5)], [entryOf(5)]])
  const dropDue = (startOffset: number, settled: Partial<Head['settled']>) =>
    settlingDue(headOf(blocks, settled, { startOffset: toOffset(startOffset) }), RULES)
  expect(dropDue(0, {})).toBeUndefined()
  expect(dropDue(1, { settledOffset: toOffset(1) })).toBeUndefined()
  expect(dropDue(2, { settledOffset: toOffset(1) })).toBe('drop')
  expect(dropDue(2, { settledOffset: toOffset(1), firstOffset: toOffset(1) })).toBe('drop')
  // All of it may be one block that holds the start.
  expect(dropDue(1, {})).toBeUndefined()
})

test('a segment has no more than its topic wants, but for one block', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 5 }), {
        minLength: 1,
        maxLength: 30,
      }),
      fc.integer({ min: 14, max: 600 }),
      (sizes, segmentBytes) => {
        const blocks = blocksOf(sizes.map(block => block.map(bytes => entryOf(bytes))))
        const taken = planRoll(headOf(blocks), blocks, { ...RULES, segmentBytes })
        const bytes = taken.reduce((sum, block) => sum + countBytes(block.entries), 0)
        if (taken.length > 1) expect(bytes).toBeLessThanOrEqual(segmentBytes)
        expect(taken).toEqual(blocks.slice(0, taken.length))
        if (headOf(blocks).flushed.bytes >= segmentBytes) expect(taken.length).toBeGreaterThan(0)
      },
    ),
  )
})

function segmentOf(baseOffset: number, bytes: number, more: Partial<Segment> = {}): Segment {
  return {
    baseOffset: toOffset(baseOffset),
    end: toOffset(baseOffset + 10),
    id: newId(),
    bytes,
    footerBytes: 100,
    records: 10,
    writes: 2,
    loggedBytes: 0,
    maxTimestampMs: OLD_MS,
    firstTimestampMs: OLD_MS,
    createdMs: OLD_MS,
    startOffset: toOffset(0),
    tombstonesMs: 0,
    ...more,
  }
}

describe('rolled segments are merged', () => {
  const MERGE: MergeRules = { segmentBytes: SEGMENT_DEFAULT_BYTES, mergedOffset: toOffset(0) }
  const many = (count: number, bytes: number, more: (index: number) => Partial<Segment> = () => ({})) =>
    Array.from({ length: count }, (_, index) => segmentOf(index * 10, bytes, more(index)))
  const inputs = (segments: readonly Segment[], rules: Partial<MergeRules> = {}) => {
    const plan = planMerge(segments, { ...MERGE, ...rules })
    return plan?.kind === 'write' ? plan.inputs.length : plan?.kind
  }

  test('once they are half a segment together', () => {
    expect(inputs(many(1, ROLL_BYTES))).toBeUndefined()
    expect(inputs(many(2, ROLL_BYTES))).toBe(2)
    expect(inputs(many(5, ROLL_BYTES))).toBe(2)
    expect(inputs([])).toBeUndefined()
  })

  test('or are so many, however small', () => {
    expect(inputs(many(MERGE_SEGMENTS_MIN - 1, 1_000))).toBeUndefined()
    expect(inputs(many(MERGE_SEGMENTS_MIN, 1_000))).toBe(MERGE_SEGMENTS_MIN)
    expect(inputs(many(MERGE_SEGMENTS_MAX * 2, 1_000))).toBe(MERGE_SEGMENTS_MAX)
  })

  test('but a large one is taken over as it is', () => {
    expect(inputs(many(1, SEGMENT_DEFAULT_BYTES / 2))).toBe('take over')
    expect(inputs([segmentOf(0, SEGMENT_DEFAULT_BYTES), segmentOf(10, 5)])).toBe('take over')
    // What stands before a large one waits for nothing.
    expect(inputs([segmentOf(0, 5), segmentOf(10, SEGMENT_DEFAULT_BYTES)])).toBe('take over')
    expect(inputs([segmentOf(0, 5), segmentOf(10, 6), segmentOf(20, SEGMENT_DEFAULT_BYTES)])).toBe(2)
  })

  test('and one of which only a part counts is written anew', () => {
    expect(inputs(many(1, SEGMENT_DEFAULT_BYTES), { mergedOffset: toOffset(5) })).toBe(1)
  })

  test('with nothing that retention would have to keep much longer for it', () => {
    const retentionMs = 8 * 24 * 60 * 60_000
    const dayMs = 24 * 60 * 60_000
    const daily = (index: number) => ({ maxTimestampMs: OLD_MS + index * (dayMs / 2) })
    expect(inputs(many(20, 1_000, daily), { retentionMs })).toBe(3)
    expect(inputs(many(20, 1_000, daily))).toBe(20)
    const rare = (index: number) => ({
      maxTimestampMs: -1,
      createdMs: OLD_MS + index * (MERGE_SPAN_MS_MIN + 1),
    })
    expect(inputs(many(20, 1_000, rare), { retentionMs: 5 })).toBe('take over')
    // One that says a time far ahead keeps what comes behind it anyway.
    const wrong = (index: number) => ({
      maxTimestampMs: index === 0 ? 4_102_444_800_000 : OLD_MS + index * dayMs,
    })
    expect(inputs(many(20, 1_000, wrong), { retentionMs })).toBe(20)
  })
})

/** How commits of random sizes come and settle, with nothing but the planners and sums. */
class World {
  readonly #segmentBytes: number
  nowMs = NOW_MS
  head: Head = { ...EMPTY_HEAD, settled: { ...EMPTY_HEAD.settled, settledMs: NOW_MS } }
  blocks: Block[] = []
  rolled: Segment[] = []
  merged: Segment[] = []
  /** Of ingest objects, and of what was rolled and merged. */
  written = 0

  constructor(segmentBytes: number) {
    this.#segmentBytes = segmentBytes
  }

  commit(sizes: readonly number[]): void {
    const entries = sizes.map(bytes => entryOf(bytes, this.nowMs))
    const [block] = blocksOf([entries], this.head.tailOffset)
    const bytes = this.head.flushed.bytes + countBytes(entries)
    this.written += countBytes(entries)
    this.blocks.push({ ...block!, summary: { bytes, maxTimestampMs: this.nowMs } })
    const tailOffset = blockEnd(block!)
    this.head = {
      ...this.head,
      tailOffset,
      nextOffset: tailOffset,
      flushed: { bytes, maxTimestampMs: this.nowMs },
    }
  }

  visit(): void {
    const rules = { segmentBytes: this.#segmentBytes, nowMs: this.nowMs, epochsBelow: 0 }
    for (let taken = planRoll(this.head, this.blocks, rules); taken.length > 0; ) {
      this.#roll(taken)
      taken = settlingDue(this.head, rules) ? planRoll(this.head, this.blocks, rules) : []
    }
    for (;;) {
      const mergedOffset = this.merged.at(-1)?.end ?? toOffset(0)
      const plan = planMerge(this.rolled, { segmentBytes: this.#segmentBytes, mergedOffset })
      if (!plan) return
      const from = plan.kind === 'write' ? plan.inputs : [plan.input]
      const bytes = from.reduce((sum, segment) => sum + segment.bytes, 0)
      const writes = Math.max(...from.map(segment => segment.writes)) + (plan.kind === 'write' ? 1 : 0)
      if (plan.kind === 'write') this.written += bytes
      this.merged.push({ ...from[0]!, end: from.at(-1)!.end, bytes, writes })
      this.rolled = this.rolled.slice(from.length)
    }
  }

  #roll(taken: readonly Block[]): void {
    const bytes = taken.reduce((sum, block) => sum + countBytes(block.entries), 0)
    const end = blockEnd(taken.at(-1)!)
    const base = taken[0]!.baseOffset
    this.rolled.push(segmentOf(base, bytes, { end, maxTimestampMs: this.nowMs, createdMs: this.nowMs }))
    this.written += bytes
    this.blocks = this.blocks.slice(taken.length)
    const loggedBytes = taken.at(-1)!.summary.bytes
    const settled = { ...this.head.settled, settledOffset: end, loggedBytes, settledMs: this.nowMs }
    this.head = { ...this.head, settled }
  }
}

test('whatever comes, and when: no gap, three writes of a byte at most, and few segments', () => {
  const burst = fc.record({
    pauseMs: fc.oneof(fc.integer({ min: 1, max: 60_000 }), fc.integer({ min: 1, max: 20 * 60 * 60_000 })),
    commits: fc.array(
      fc.array(fc.oneof(fc.integer({ min: 1, max: 5_000 }), fc.integer({ min: 1, max: 8 * MiB })), {
        minLength: 1,
        maxLength: 16,
      }),
      { minLength: 1, maxLength: 60 },
    ),
  })
  const segmentBytes = fc.oneof(
    fc.constant(SEGMENT_DEFAULT_BYTES),
    fc.integer({ min: MiB, max: 64 * MiB }),
    fc.constant(14),
  )
  fc.assert(
    fc.property(fc.array(burst, { minLength: 1, maxLength: 30 }), segmentBytes, (bursts, segment) => {
      const world = new World(segment)
      for (const { pauseMs, commits } of bursts) {
        for (const sizes of commits) {
          world.commit(sizes)
          world.nowMs += 1_000
          world.visit()
        }
        world.nowMs += pauseMs
        world.visit()
      }
      const levels = [...world.merged, ...world.rolled]
      let next = 0
      for (const { baseOffset, end, writes } of levels) {
        expect(baseOffset).toBe(next)
        expect(writes).toBeLessThanOrEqual(SEGMENT_WRITES_MAX)
        next = end
      }
      expect(next).toBe(world.head.settled.settledOffset)
      const ingested = world.head.flushed.bytes
      expect(world.written).toBeLessThanOrEqual(SEGMENT_WRITES_MAX * ingested)
      expect(world.rolled.length).toBeLessThan(MERGE_SEGMENTS_MIN)
      // Two that follow one another are half a segment together, or many small ones made one of them.
      const small = levels.length - ingested / (segment / 4)
      expect(small).toBeLessThanOrEqual(
        MERGE_SEGMENTS_MIN + levels.length / MERGE_SEGMENTS_MIN + bursts.length,
      )
    }),
    { numRuns: 60 },
  )
})

test('the index of a terabyte has some thousand segments, whether it comes fast or slowly', () => {
  for (const [commitBytes, pauseMs] of [
    [8 * MiB, 1_000],
    [8 * MiB, 60_000],
  ] as const) {
    const world = new World(SEGMENT_DEFAULT_BYTES)
    for (let commit = 0; commit < 2 ** 40 / (8 * 8 * MiB); commit++) {
      world.commit(Array(8).fill(commitBytes))
      world.nowMs += pauseMs
      world.visit()
    }
    expect(world.head.flushed.bytes).toBe(2 ** 40)
    expect(world.merged.length + world.rolled.length).toBeLessThan(9_000)
    expect(world.written / world.head.flushed.bytes).toBeLessThanOrEqual(SEGMENT_WRITES_MAX)
  }
})
