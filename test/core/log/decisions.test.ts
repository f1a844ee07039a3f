import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  TAIL_ENTRIES_HARD_MAX,
  TAIL_ENTRIES_KEPT,
  TAIL_ENTRIES_SOFT_MAX,
  TAIL_INLINE_HARD_BYTES_MAX,
  TAIL_INLINE_KEPT_BYTES_MAX,
  TAIL_INLINE_SOFT_BYTES_MAX,
} from '../../../src/core/limits.ts'
import { blockEnd } from '../../../src/core/log/block.ts'
import { applyAppend } from '../../../src/core/log/changes/append.ts'
import { type HeadCost, isCutCheaper } from '../../../src/core/log/changes/cut.ts'
import { applyStart } from '../../../src/core/log/changes/move-start.ts'
import { applyTrim } from '../../../src/core/log/changes/trim-tail.ts'
import {
  countInlineBytes,
  encodeEntry,
  type IndexEntry,
  placeEntries,
  spanOf,
} from '../../../src/core/log/entry.ts'
import { EMPTY_HEAD, findHeadProblems, findInTail, type Head } from '../../../src/core/log/head.ts'
import { summarize } from '../../../src/core/log/summary.ts'
import { countToFlush, flushDueMs, isPastHardLimit, makeBlock } from '../../../src/core/log/tail.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { NO_CHANGES, NOTHING_MOVED } from '../../conformance/samples.ts'
import {
  entry as anyEntry,
  head as anyHead,
  exampleEntry,
  exampleHead,
  exampleObjectEntry,
  inlineEntry,
} from './arbitraries.ts'

const inlineOf = (bytes: number, number = 0): IndexEntry =>
  exampleEntry(number, { bytes, place: { kind: 'inline', payload: new Uint8Array(bytes) } })

const objects = (count: number) => Array.from({ length: count }, (_, number) => exampleObjectEntry(number))

describe('an append', () => {
  test('goes to the end and counts its records, whatever the writer last knew of the end', () => {
    const head = exampleHead([exampleEntry(1, { span: 5 })], 10)
    const entry = exampleEntry(2, { span: 7 })
    for (const seen of [10, 12, 15, 1_000]) {
      const appended = applyAppend(head, entry, toOffset(seen))
      expect(appended).toMatchObject({ tailOffset: 10, nextOffset: 22, startOffset: 0 })
      expect(appended?.tail.map(({ id }) => id)).toEqual([head.tail[0]!.id, entry.id])
    }
  })

  test('does not hold where the tail begins after what the writer had seen', () => {
    expect(applyAppend(exampleHead([], 10), exampleEntry(1), toOffset(9))).toBeUndefined()
    expect(applyAppend(exampleHead([], 10), exampleEntry(1), toOffset(10))?.tail).toEqual([exampleEntry(1)])
  })

  test('does not hold for an entry that stands in the tail, wherever', () => {
    const tail = [1, 2, 3].map(number => exampleEntry(number))
    for (const entry of tail) {
      expect(applyAppend(exampleHead(tail), entry, toOffset(100))).toBeUndefined()
      // A flush may have moved its bytes: the id is what counts.
      expect(applyAppend(exampleHead(tail), { ...entry, span: 9 }, toOffset(100))).toBeUndefined()
    }
  })

  test('keeps what adds up adding up, for any head and entry', () => {
    fc.assert(
      fc.property(anyHead, anyEntry, (head, entry) => {
        fc.pre(findInTail(head, entry.id) === undefined)
        const newcomers = new Set(entry.producers.map(({ producerId }) => producerId))
        const appended = applyAppend(head, entry, head.tailOffset, newcomers)
        // A producer of the entry may be in the head by chance, or twice in the entry, and leave a gap.
        fc.pre(appended !== undefined)
        expect(findHeadProblems(appended)).toEqual([])
        expect(findInTail(appended, entry.id)).toBe(head.nextOffset)
        expect(appended.nextOffset).toBe(head.nextOffset + entry.span)
      }),
    )
  })
})

describe('an append that takes the tail along', () => {
  const seen = toOffset(1_000)
  const cutOf = (head: Head) => ({
    block: makeBlock(head, head.tail),
    changes: NO_CHANGES,
    movedEpoch: NOTHING_MOVED,
  })

  test('is a trim and an append in one, for any head and entry', () => {
    fc.assert(
      fc.property(anyHead, anyEntry, (head, entry) => {
        const cut = cutOf(head)
        const newcomers = new Set(entry.producers.map(({ producerId }) => producerId))
        const trimmed = applyTrim(head, cut.block, cut.changes, cut.movedEpoch)!
        const isThere = findInTail(head, entry.id) !== undefined
        const both = isThere ? undefined : applyAppend(trimmed, entry, head.nextOffset, newcomers)
        expect(applyAppend(head, entry, head.nextOffset, newcomers, cut)).toEqual(both)
        if (both) expect(findHeadProblems(both)).toEqual([])
      }),
    )
  })

  test('does not hold where others have appended since, or cut', () => {
    const head = exampleHead(
      [1, 2].map(number => exampleEntry(number)),
      10,
    )
    const cut = cutOf(head)
    expect(applyAppend(head, exampleEntry(3), seen, undefined, cut)).toMatchObject({
      tailOffset: 12,
      nextOffset: 13,
      tail: [exampleEntry(3)],
    })
    const grown = applyAppend(head, exampleEntry(4), seen)!
    expect(applyAppend(grown, exampleEntry(3), seen, undefined, cut)).toBeUndefined()
    const trimmed = applyTrim(head, cut.block, NO_CHANGES, NOTHING_MOVED)!
    expect(applyAppend(trimmed, exampleEntry(3), seen, undefined, cut)).toBeUndefined()
  })

  test('does not hold where its block is of an epoch that is over, nor where a plain one would not', () => {
    const head = { ...exampleHead([exampleEntry(1)], 10), appendFloor: 5 }
    const cut = cutOf(head)
    expect(applyAppend(head, exampleEntry(2), seen, undefined, { ...cut, movedEpoch: 4 })).toBeUndefined()
    expect(applyAppend(head, exampleEntry(2), toOffset(9), undefined, cut)).toBeUndefined()
    expect(applyAppend(head, exampleEntry(1), seen, undefined, cut)).toBeUndefined()
    expect(applyAppend(head, exampleEntry(2), seen, undefined, { ...cut, movedEpoch: 5 })).toMatchObject({
      tailOffset: 11,
    })
  })
})

describe('where each write of a head is paid for', () => {
  const id = { topicId: 'id', partition: 0 }
  const cost = (ownBytes: number): HeadCost => ({
    unitBytes: 1_024,
    bytesOf: (_, { tail }) => ownBytes + tail.reduce((sum, entry) => sum + encodeEntry(entry).length + 1, 0),
  })
  const inlines = (...bytes: number[]) => exampleHead(bytes.map((each, number) => inlineOf(each, number)))

  test.each([
    ['nothing is taken along where there is nothing', inlines(), 300, false],
    ['nor while all is within one unit', inlines(300), 300, false],
    ['all is where it begins another', inlines(300, 300), 300, true],
    ['but where the new one begins it alone', inlines(300), 900, false],
    ['but for what is too much for a block', inlines(2_000, 2_000, 200), 300, false],
    ['entries in objects too', exampleHead(objects(40)), 10, true],
  ])('%s', (_, head, bytes, isCheaper) => {
    expect(isCutCheaper(cost(170), id, head, inlineOf(bytes, 9))).toBe(isCheaper)
  })

  test('what else stands in the head does not count', () => {
    expect(isCutCheaper(cost(1_000), id, inlines(50), inlineOf(50, 9))).toBe(false)
    expect(isCutCheaper(cost(1_000), id, inlines(500), inlineOf(500, 9))).toBe(true)
  })
})

describe('findInTail', () => {
  test('tells the offset that the entry got', () => {
    const head = exampleHead(
      [1, 2, 3].map(number => exampleEntry(number, { span: number * 10 })),
      5,
    )
    expect(head.tail.map(({ id }) => findInTail(head, id))).toEqual([5, 15, 35])
    expect(findInTail(head, exampleEntry(9).id)).toBeUndefined()
  })
})

describe('a trim', () => {
  test('takes out of the tail what stands in the block, and carries the sums on', () => {
    const head = exampleHead(
      [1, 2, 3].map(number => exampleObjectEntry(number, { span: number })),
      10,
    )
    const block = makeBlock(head, head.tail.slice(0, 2))
    expect(block).toMatchObject({ baseOffset: 10, summary: { bytes: 200, maxTimestampMs: 1_002 } })
    const trimmed = applyTrim(head, block, NO_CHANGES, NOTHING_MOVED)!
    expect(trimmed).toMatchObject({ tailOffset: 13, nextOffset: 16, flushed: block.summary })
    expect(trimmed.tail).toEqual([head.tail[2]])
  })

  test('does not hold a second time, nor for a block of another place', () => {
    const head = exampleHead(objects(4), 10)
    const block = makeBlock(head, head.tail.slice(0, 2))
    expect(
      applyTrim(applyTrim(head, block, NO_CHANGES, NOTHING_MOVED)!, block, NO_CHANGES, NOTHING_MOVED),
    ).toBeUndefined()
    expect(applyTrim(head, { ...block, baseOffset: toOffset(9) }, NO_CHANGES, NOTHING_MOVED)).toBeUndefined()
  })

  test('loses nothing, for any head: block and tail follow one another', () => {
    fc.assert(
      fc.property(anyHead, fc.nat({ max: 24 }), (head, count) => {
        const block = makeBlock(head, head.tail.slice(0, count))
        const trimmed = applyTrim(head, block, NO_CHANGES, NOTHING_MOVED)!
        expect(findHeadProblems(trimmed)).toEqual([])
        expect(trimmed.nextOffset).toBe(head.nextOffset)
        expect(trimmed.tailOffset).toBe(blockEnd(block))
        expect([
          ...placeEntries(block.baseOffset, block.entries),
          ...placeEntries(trimmed.tailOffset, trimmed.tail),
        ]).toEqual(placeEntries(head.tailOffset, head.tail))
        expect(summarize(trimmed.flushed, trimmed.tail)).toEqual(summarize(head.flushed, head.tail))
      }),
    )
  })
})

describe('moving the start', () => {
  test('goes forward, at most to the end', () => {
    const head = { ...exampleHead(objects(10), 5), startOffset: toOffset(3) }
    expect(applyStart(head, toOffset(4))).toEqual({ ...head, startOffset: 4 })
    expect(applyStart(head, toOffset(15))).toMatchObject({ startOffset: 15 })
    for (const offset of [0, 2, 3, 16]) expect(applyStart(head, toOffset(offset))).toBeUndefined()
  })
})

describe('what is to be flushed', () => {
  const flushMs = 5_000
  const countAt = (tail: readonly IndexEntry[], nowMs: number) =>
    countToFlush(exampleHead(tail), { nowMs, flushMs })

  test('is nothing while the tail is short and young', () => {
    expect(countAt([], 99_999)).toBe(0)
    expect(countAt([exampleEntry(1)], 14_999)).toBe(0)
    expect(countAt(objects(TAIL_ENTRIES_SOFT_MAX), 1_000_000)).toBe(0)
  })

  test('by age is all up to the last inline entry that has reached it', () => {
    const tail = [
      exampleEntry(1, { createdMs: 10_000 }),
      exampleObjectEntry(2, { createdMs: 10_000 }),
      // Another writer's clock may be behind: the older entry can stand behind the younger one.
      exampleEntry(3, { createdMs: 9_000 }),
      exampleEntry(4, { createdMs: 12_000 }),
      exampleObjectEntry(5, { createdMs: 0 }),
    ]
    expect(countAt(tail, 13_999)).toBe(0)
    expect(countAt(tail, 14_000)).toBe(3)
    expect(countAt(tail, 16_999)).toBe(3)
    expect(countAt(tail, 17_000)).toBe(4)
  })

  test('by age takes along what a clock far ahead has dated', () => {
    const tail = [exampleEntry(1, { createdMs: 10_000_000 })]
    expect(countAt(tail, 10_000)).toBe(1)
    expect(countAt(tail, 9_996_000)).toBe(0)
    expect(countAt(tail, 10_005_000)).toBe(1)
  })

  test('by number is all but the newest few', () => {
    expect(countAt(objects(TAIL_ENTRIES_SOFT_MAX + 1), 0)).toBe(TAIL_ENTRIES_SOFT_MAX + 1 - TAIL_ENTRIES_KEPT)
    expect(countAt(objects(100), 0)).toBe(100 - TAIL_ENTRIES_KEPT)
  })

  test('by bytes keeps a few small ones', () => {
    const tail = [inlineOf(TAIL_INLINE_SOFT_BYTES_MAX - 1_000, 1), inlineOf(600, 2), inlineOf(600, 3)]
    expect(countAt(tail, 10_000)).toBe(1)
    const large = [inlineOf(2_000, 1), inlineOf(TAIL_INLINE_KEPT_BYTES_MAX + 100, 2)]
    expect(countAt(large, 10_000)).toBe(2)
  })

  test('on the order to flush all is all up to the last inline entry', () => {
    const count = (tail: readonly IndexEntry[]) => countToFlush(exampleHead(tail), 'all')
    expect(count([])).toBe(0)
    expect(count(objects(3))).toBe(0)
    expect(count([exampleEntry(1), exampleObjectEntry(2), exampleEntry(3), exampleObjectEntry(4)])).toBe(3)
  })

  const age = fc.record({ nowMs: fc.nat({ max: 100_000 }), flushMs: fc.nat({ max: 20_000 }) })
  const tail = fc.array(
    fc.oneof(inlineEntry, anyEntry).map(entry => ({ ...entry, createdMs: entry.createdMs % 100_000 })),
    { maxLength: 80 },
  )

  test('leaves no inline entry that is due and no tail above a soft limit, for any tail', () => {
    fc.assert(
      fc.property(tail, age, (entries, { nowMs, flushMs: ms }) => {
        const head = exampleHead(entries)
        const count = countToFlush(head, { nowMs, flushMs: ms })
        expect(count).toBeLessThanOrEqual(entries.length)
        const left = entries.slice(count)
        expect(left.length).toBeLessThanOrEqual(TAIL_ENTRIES_SOFT_MAX)
        expect(countInlineBytes(left)).toBeLessThanOrEqual(TAIL_INLINE_SOFT_BYTES_MAX)
        const isDue = (entry: IndexEntry) =>
          entry.place.kind === 'inline' && Math.abs(nowMs - entry.createdMs) >= ms
        expect(left.some(isDue)).toBe(false)
        expect(countToFlush(exampleHead(left), { nowMs, flushMs: ms })).toBe(0)
      }),
    )
  })

  test('is something exactly when the due time has come, so that a flusher never turns in vain', () => {
    fc.assert(
      fc.property(tail, age, (entries, { nowMs, flushMs: ms }) => {
        const head = exampleHead(entries)
        const dueMs = flushDueMs(head, nowMs, ms)
        const isDue = dueMs !== undefined && dueMs <= nowMs
        expect(countToFlush(head, { nowMs, flushMs: ms }) > 0).toBe(isDue)
        if (dueMs === undefined || isDue) return
        // Nothing to do a moment before, something at the moment itself.
        expect(countToFlush(head, { nowMs: dueMs, flushMs: ms })).toBeGreaterThan(0)
      }),
    )
  })
})

describe('the due time', () => {
  test('is that of the oldest inline entry, and never where there is none', () => {
    const tail = [exampleEntry(1, { createdMs: 12_000 }), exampleEntry(2, { createdMs: 11_000 })]
    expect(flushDueMs(exampleHead(tail), 12_000, 5_000)).toBe(16_000)
    expect(flushDueMs(exampleHead(objects(TAIL_ENTRIES_SOFT_MAX)), 12_000, 5_000)).toBeUndefined()
    expect(flushDueMs(EMPTY_HEAD, 0, 0)).toBeUndefined()
  })

  test('is now where a soft limit is passed', () => {
    expect(flushDueMs(exampleHead(objects(TAIL_ENTRIES_SOFT_MAX + 1)), 77, 5_000)).toBe(77)
  })
})

describe('the hard limit', () => {
  test('is reached by number or by bytes', () => {
    expect(isPastHardLimit(exampleHead(objects(TAIL_ENTRIES_HARD_MAX - 1)))).toBe(false)
    expect(isPastHardLimit(exampleHead(objects(TAIL_ENTRIES_HARD_MAX)))).toBe(true)
    expect(isPastHardLimit(exampleHead([inlineOf(TAIL_INLINE_HARD_BYTES_MAX - 1)]))).toBe(false)
    expect(isPastHardLimit(exampleHead([inlineOf(TAIL_INLINE_HARD_BYTES_MAX)]))).toBe(true)
  })

  test('is far from what a flush leaves', () => {
    fc.assert(
      fc.property(fc.array(anyEntry, { maxLength: 90 }), entries => {
        const head = exampleHead(entries)
        const count = countToFlush(head, { nowMs: 0, flushMs: Number.POSITIVE_INFINITY })
        expect(isPastHardLimit(exampleHead(entries.slice(count)))).toBe(false)
      }),
    )
  })
})

describe('a head that does not add up', () => {
  const head = exampleHead([exampleEntry(1, { span: 5 })], 10)

  test('is told what is wrong', () => {
    expect(findHeadProblems(head)).toEqual([])
    expect(findHeadProblems({ ...head, nextOffset: toOffset(16) })).toHaveLength(1)
    expect(findHeadProblems({ ...head, startOffset: toOffset(16) })).toHaveLength(1)
    expect(findHeadProblems(exampleHead([head.tail[0]!, head.tail[0]!]))).toHaveLength(1)
  })
})

test('offsets follow one another without a gap', () => {
  fc.assert(
    fc.property(fc.array(anyEntry), fc.nat({ max: 1_000 }), (entries, base) => {
      let next = base
      for (const placed of placeEntries(toOffset(base), entries)) {
        expect(placed.baseOffset).toBe(next)
        next += placed.entry.span
      }
      expect(next).toBe(base + spanOf(entries))
    }),
  )
})
