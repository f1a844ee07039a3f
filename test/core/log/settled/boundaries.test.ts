import { describe, expect, test } from 'vitest'
import type { Block } from '../../../../src/core/log/block.ts'
import { mayLookUp } from '../../../../src/core/log/changes/append.ts'
import { mayReplaceBlock } from '../../../../src/core/log/changes/put-block.ts'
import { applyDrained, applyFloor } from '../../../../src/core/log/changes/raise-floor.ts'
import { applyMove } from '../../../../src/core/log/changes/rearrange.ts'
import type { IndexEntry, ObjectPlace } from '../../../../src/core/log/entry.ts'
import { findHeadProblems, type Head } from '../../../../src/core/log/head.ts'
import { countedIn } from '../../../../src/core/log/settled/counted.ts'
import { holderOf, planDrop } from '../../../../src/core/log/settled/plan-drop.ts'
import type { Segment } from '../../../../src/core/log/settled/segment.ts'
import { segmentHash, sumOf } from '../../../../src/core/log/settled/segment-sum.ts'
import { type Settled, UNSETTLED } from '../../../../src/core/log/settled/settled.ts'
import { isDead, makeBlock, movedEpoch } from '../../../../src/core/log/tail.ts'
import { toOffset } from '../../../../src/core/numbers.ts'
import { segmentOf } from '../../../conformance/settled-log.ts'
import { exampleEntry, exampleHead, exampleObjectEntry } from '../arbitraries.ts'

function settledHead(overrides: Partial<Record<keyof Settled, number>> = {}, tailOffset = 40): Head {
  return { ...exampleHead([exampleEntry(1)], tailOffset), settled: { ...UNSETTLED, ...overrides } as Settled }
}

describe('what counts between two boundaries', () => {
  const bases = (level: readonly Segment[], lo: number, hi: number) =>
    countedIn(level, toOffset(lo), toOffset(hi)).map(({ baseOffset }) => baseOffset)
  const level = [segmentOf(0, 10), segmentOf(10, 20), segmentOf(20, 30), segmentOf(30, 40)]

  test.each([
    ['all of them', 0, 40, [0, 10, 20, 30]],
    ['those from a base on', 10, 30, [10, 20]],
    ['the one in whose midst it begins as well', 15, 30, [10, 20]],
    ['nothing between the same', 20, 20, []],
    ['nothing above what there is', 40, 50, []],
    ['one alone, from its midst', 35, 40, [30]],
  ])('is %s', (_, lo, hi, expected) => {
    expect(bases(level, lo, hi)).toEqual(expected)
  })

  test('is the last one below alone, also where one from far below reaches beyond it', () => {
    const late = segmentOf(3, 25)
    expect(bases([late, segmentOf(10, 20), segmentOf(20, 30)], 20, 30)).toEqual([20])
    expect(bases([late, segmentOf(10, 22), segmentOf(22, 30)], 21, 30)).toEqual([10, 22])
    expect(bases([late, segmentOf(10, 20), segmentOf(22, 30)], 21, 30)).toEqual([22])
  })
})

test('the sum of segments is one whatever their order, and each id counts', () => {
  const [one, other] = [segmentOf(0, 1, { id: 'ffffffff'.padEnd(32, '0'), bytes: 7 }), segmentOf(1, 2)]
  expect(segmentHash(one)).toBe(2 ** 32 - 1)
  expect(sumOf([one, other])).toEqual(sumOf([other, one]))
  expect(sumOf([one, other]).bytes).toBe(7 + other.bytes)
  expect(sumOf([])).toEqual({ segmentSum: 0, bytes: 0 })
})

describe('up to where a log can be dropped', () => {
  const head = settledHead({ firstOffset: 5, mergedOffset: 20, settledOffset: 30 })
  const drop = (start: number, base: number) => planDrop(head, toOffset(start), toOffset(base))

  test.each([
    [4, undefined],
    [5, 'merged'],
    [19, 'merged'],
    [20, 'rolled'],
    [30, 'block'],
    [40, 'tail'],
    [41, 'tail'],
  ])('offset %i is held by %s', (offset, holder) => {
    expect(holderOf(head, toOffset(offset))).toBe(holder)
  })

  test.each([
    ['where the merged segment with the start begins', 15, 12, 12],
    ['where the rolled one does', 25, 22, 22],
    ['where that one begins to count, if it does in its midst', 25, 18, 20],
    ['where the block does', 35, 32, 32],
    ['where the first block that counts does', 31, 28, 30],
    ['where the tail does', 41, 0, 40],
    ['nowhere, where that is where it begins already', 6, 5, undefined],
    ['nowhere, where the first one began below', 6, 2, undefined],
    ['nowhere, below what is there', 3, 0, undefined],
  ])('is %s', (_, start, base, to) => {
    expect(drop(start, base)).toBe(to)
  })
})

describe('an epoch into which a block moves something', () => {
  const ofEpoch = (number: number, epoch: number): IndexEntry => {
    const entry = exampleObjectEntry(number)
    return { ...entry, place: { ...(entry.place as ObjectPlace), epoch } }
  }
  const inline = [1, 2, 3].map(number => exampleEntry(number))
  const tail = [inline[0]!, ofEpoch(9, 1), inline[1]!, inline[2]!]
  const head: Head = { ...exampleHead(tail, 10), appendFloor: 5, drained: 2 }
  const block = (...epochs: number[]): Block =>
    makeBlock(
      head,
      epochs.map((epoch, at) => ofEpoch(20 + at, epoch)),
    )

  test('is the lowest of those that stand inline', () => {
    expect(movedEpoch(head, block(7))).toBe(7)
    // What lay in an object before may be of any epoch.
    expect(movedEpoch(head, block(7, 1))).toBe(7)
    expect(movedEpoch(head, block(7, 1, 6))).toBe(6)
    expect(movedEpoch(exampleHead([ofEpoch(1, 3)], 10), block(3))).toBe(Number.POSITIVE_INFINITY)
  })

  test('counts what the head does not show as moved', () => {
    expect(movedEpoch(head, block(7, 1, 6, 6, 2))).toBe(2)
    expect(movedEpoch({ ...head, tailOffset: toOffset(11) }, block(7, 1))).toBe(1)
  })

  test('that is below the floor makes it dead, if the head shows all of it', () => {
    expect(isDead(head, block(4))).toBe(true)
    expect(isDead(head, block(5, 1))).toBe(false)
    expect(isDead(head, block(7, 1, 6, 4))).toBe(true)
    // The last one may have stood in an object.
    expect(isDead(head, block(7, 1, 6, 6, 2))).toBe(false)
    expect(isDead({ ...head, tailOffset: toOffset(11) }, block(4))).toBe(false)
  })

  test('only exactly the one that is dead makes way', () => {
    expect(mayReplaceBlock(undefined, undefined)).toBe(true)
    expect(mayReplaceBlock(undefined, block(4))).toBe(true)
    expect(mayReplaceBlock(block(4), undefined)).toBe(false)
    expect(mayReplaceBlock(block(4), block(4))).toBe(true)
    expect(mayReplaceBlock(block(4), block(6))).toBe(false)
  })
})

describe('the floor of a head', () => {
  const head = settledHead({ settledOffset: 30 })

  test('goes up alone, and with it what is drained, where nothing has changed since', () => {
    expect(applyFloor(head, 3)).toEqual({ ...head, appendFloor: 3 })
    expect(applyFloor(head, 3, head)).toEqual({ ...head, appendFloor: 3, drained: 3 })
    expect(applyFloor(head, 0, head)).toBeUndefined()
    const seen = settledHead({ settledOffset: 30 }, 39)
    expect(applyFloor(head, 3, seen)).toMatchObject({ appendFloor: 3, drained: 0 })
    expect(applyFloor(head, 3, { ...head, tailOffset: toOffset(39) })).toMatchObject({ drained: 0 })
  })

  test('is what may be noted as drained at most', () => {
    const raised = applyFloor(head, 3)!
    expect(applyDrained(raised, 4)).toBeUndefined()
    expect(applyDrained(raised, 3)).toEqual({ ...raised, drained: 3 })
    expect(applyDrained(applyDrained(raised, 3)!, 2)).toBeUndefined()
  })
})

test('a look-up finds what was tried, unless it may have settled since', () => {
  const head = settledHead({ settledOffset: 30 })
  expect(mayLookUp(head, toOffset(30))).toBe(true)
  expect(mayLookUp(head, toOffset(29))).toBe(false)
})

test('boundaries that are not in order are told', () => {
  const told = (overrides: Partial<Record<keyof Settled, number>>, others: Partial<Head> = {}) =>
    findHeadProblems({ ...settledHead(overrides), startOffset: toOffset(3), ...others })
  expect(told({ firstOffset: 3, mergedOffset: 4, settledOffset: 40 })).toEqual([])
  expect(told({ firstOffset: 4, mergedOffset: 4, settledOffset: 4 })).toEqual([
    'firstOffset 4 lies behind startOffset 3',
  ])
  expect(told({ mergedOffset: 42, settledOffset: 41 })).toEqual([
    'mergedOffset 42 lies behind settledOffset 41',
    'settledOffset 41 lies behind tailOffset 40',
  ])
  expect(told({ generation: 2, cleaning: 1 }, { drained: 1 })).toEqual([
    'drained 1 lies behind appendFloor 0',
    'generation 2 lies behind cleaning 1',
  ])
})

describe('how late the merged segments reach', () => {
  const none = { segmentSum: 0, bytes: 0 }
  const boundaries = { firstOffset: 0, mergedOffset: 10, settledOffset: 30, mergedMaxMs: 500 }
  const latest = (move: Parameters<typeof applyMove>[1], overrides = {}) =>
    applyMove(settledHead({ ...boundaries, ...overrides }), move)?.settled.mergedMaxMs
  const merge = (maxTimestampMs: number) =>
    latest({ kind: 'merge', generation: 0, segment: segmentOf(10, 20, { maxTimestampMs }), inputs: none })

  test('is as late as what is merged, or what was before it', () => {
    expect([-1, 499, 501].map(merge)).toEqual([500, 500, 501])
  })

  test('is what a pass of the cleaner has left', () => {
    const clean = (maxTimestampMs: number) => {
      const from = settledHead(boundaries).settled
      const sums = { sums: none, removed: none, maxTimestampMs }
      return latest({ kind: 'clean', cleaning: 1, from, rules: 0, ...sums }, { cleaning: 1, cleaningTo: 20 })
    }
    expect([-1, 300, 900].map(clean)).toEqual([0, 300, 900])
  })

  test('stays while some of them do, and goes with the last', () => {
    const drop = (to: number) => {
      const head = { ...settledHead(boundaries), startOffset: toOffset(25) }
      const move = { kind: 'drop', from: head.settled, to: toOffset(to), removed: none } as const
      return applyMove(head, move)?.settled.mergedMaxMs
    }
    expect([5, 9, 10, 20].map(drop)).toEqual([500, 500, 0, 0])
  })
})
