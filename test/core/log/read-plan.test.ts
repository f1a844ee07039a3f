import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { IndexEntry, Mark } from '../../../src/core/log/entry.ts'
import { placeEntries } from '../../../src/core/log/entry.ts'
import { type PlannedRange, planRead } from '../../../src/core/log/read-plan.ts'
import { advance, toOffset, toPosition } from '../../../src/core/numbers.ts'
import { exampleEntry, exampleObjectEntry } from './arbitraries.ts'

/** Runs as a commit makes them: batches of some records and bytes, with marks at some of their boundaries. */
interface Run {
  readonly entry: IndexEntry
  readonly batches: readonly Mark[]
}

const batch = fc.record({
  span: fc.integer({ min: 1, max: 20 }),
  bytes: fc.integer({ min: 61, max: 900 }),
})

const run = (number: number): fc.Arbitrary<Run> =>
  fc
    .record({
      batches: fc.array(batch, { minLength: 1, maxLength: 12 }),
      isInline: fc.boolean(),
      object: fc.integer({ min: 0, max: 2 }),
      gap: fc.constantFrom(0, 0, 50),
      markEvery: fc.integer({ min: 1, max: 4 }),
    })
    .map(({ batches, isInline, object, gap, markEvery }) => {
      const span = batches.reduce((sum, item) => sum + item.span, 0)
      const bytes = batches.reduce((sum, item) => sum + item.bytes, 0)
      const marks: Mark[] = []
      let before: Mark = { span: 0, bytes: 0 }
      for (const [at, item] of batches.entries()) {
        if (at > 0 && at % markEvery === 0) marks.push(before)
        before = { span: before.span + item.span, bytes: before.bytes + item.bytes }
      }
      const entry = isInline
        ? exampleEntry(number, { span, bytes, place: { kind: 'inline', payload: new Uint8Array(bytes) } })
        : exampleObjectEntry(number, {
            span,
            bytes,
            marks,
            // The gap stands for other partitions' runs in the same object; real positions follow below.
            place: { kind: 'object', object: String(object).repeat(32), epoch: 0, position: toPosition(gap) },
          })
      return { entry, batches }
    })

/** Runs in objects, each after the one before it in the same object, most of them right behind it. */
const runs = fc
  .integer({ min: 1, max: 8 })
  .chain(count => fc.tuple(...Array.from({ length: count }, (_, number) => run(number + 1))))
  .map(drafts => {
    const ends = new Map<string, number>()
    return drafts.map(({ entry, batches }) => {
      if (entry.place.kind !== 'object') return { entry, batches }
      const { object, position: gap } = entry.place
      const position = (ends.get(object) ?? 0) + gap
      ends.set(object, position + entry.bytes)
      return { batches, entry: { ...entry, place: { ...entry.place, position: toPosition(position) } } }
    })
  })

const question = fc.record({
  runs,
  base: fc.nat({ max: 1_000 }),
  into: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  maxBytes: fc.oneof(fc.integer({ min: 1, max: 3_000 }), fc.integer({ min: 1, max: 40_000 })),
})

interface Case {
  readonly planned: readonly PlannedRange[]
  readonly from: number
  readonly end: number
  readonly runs: readonly Run[]
  readonly base: number
}

function plan(
  asked: typeof question extends fc.Arbitrary<infer T> ? T : never,
  rangeEnd: 'byte' | 'mark',
): Case {
  const entries = asked.runs.map(({ entry }) => entry)
  const end = asked.base + entries.reduce((sum, { span }) => sum + span, 0)
  const from = asked.base + Math.floor(asked.into * (end - asked.base))
  const placed = placeEntries(toOffset(asked.base), entries)
  // The caller gives entries from the one that holds the offset on.
  const relevant = placed.filter(({ baseOffset, entry }) => advance(baseOffset, entry.span) > from)
  const ranges = planRead(relevant, toOffset(from), asked.maxBytes, rangeEnd)
  return { planned: ranges, from, end, runs: asked.runs, base: asked.base }
}

/** Where every batch begins: offset, object and position. */
function batchPlaces({ runs: all, base }: Case) {
  const places: {
    offset: number
    object: string | null
    position: number
    bytes: number
    span: number
  }[] = []
  let offset = base
  for (const { entry, batches } of all) {
    let position: number = entry.place.kind === 'object' ? entry.place.position : 0
    for (const { span, bytes } of batches) {
      const object = entry.place.kind === 'object' ? entry.place.object : null
      places.push({ offset, object, position, bytes, span })
      offset += span
      position += bytes
    }
  }
  return places
}

describe.each(['byte', 'mark'] as const)('a plan that ends at a %s', rangeEnd => {
  test('covers what is wanted from its first record on without a gap', () => {
    fc.assert(
      fc.property(question, asked => {
        const { planned, from, end } = plan(asked, rangeEnd)
        expect(planned.length).toBeGreaterThan(0)
        expect(planned[0]!.baseOffset).toBeLessThanOrEqual(from)
        for (const [at, range] of planned.entries()) {
          const next = planned[at + 1]
          // Only the last range may end in the middle of a batch.
          if (next) expect(next.baseOffset).toBe(range.baseOffset + range.span!)
          expect(range.bytes).toBeGreaterThan(0)
        }
        const last = planned.at(-1)!
        if (last.span !== undefined) {
          expect(last.baseOffset + last.span).toBeGreaterThan(from)
          expect(last.baseOffset + last.span).toBeLessThanOrEqual(end)
        }
      }),
    )
  })

  test('begins each range at a batch, and counts its records right', () => {
    fc.assert(
      fc.property(question, asked => {
        const planned = plan(asked, rangeEnd)
        const places = batchPlaces(planned)
        for (const range of planned.planned) {
          const object = range.kind === 'object' ? range.object : null
          const position = range.kind === 'object' ? range.position : 0
          const first = places.find(place => place.offset === range.baseOffset)
          expect(first).toMatchObject({ object, position })
          if (range.span === undefined) continue
          const inside = places.filter(
            ({ offset }) => offset >= range.baseOffset && offset < range.baseOffset + range.span!,
          )
          // Side by side in the object too, without another's bytes between them.
          let next: number = position
          for (const place of inside) {
            expect(place.object).toBe(object)
            expect(place.position).toBe(next)
            next += place.bytes
          }
          expect(next - position).toBe(range.bytes)
          expect(inside.reduce((sum, { span }) => sum + span, 0)).toBe(range.span)
        }
      }),
    )
  })

  test('reads bytes that lie side by side in one range', () => {
    fc.assert(
      fc.property(question, asked => {
        const { planned } = plan(asked, rangeEnd)
        for (const [at, right] of planned.entries()) {
          const left = planned[at - 1]
          if (left?.kind !== 'object' || right.kind !== 'object' || left.object !== right.object) continue
          expect(left.position + left.bytes).not.toBe(right.position)
        }
      }),
    )
  })

  test('has the first wanted batch whole, or at least as much of it as the limit allows', () => {
    fc.assert(
      fc.property(question, asked => {
        const planned = plan(asked, rangeEnd)
        const { from } = planned
        const wanted = batchPlaces(planned).find(place => place.offset + place.span > from)!
        const bytesBefore = batchPlaces(planned)
          .filter(({ offset }) => offset >= planned.planned[0]!.baseOffset && offset < wanted.offset)
          .reduce((sum, { bytes }) => sum + bytes, 0)
        const total = planned.planned.reduce((sum, { bytes }) => sum + bytes, 0)
        expect(total - bytesBefore).toBeGreaterThanOrEqual(Math.min(wanted.bytes, asked.maxBytes))
      }),
    )
  })
})

test('a plan that ends at a byte reads, beyond the limit, only what lies between the marks around its start', () => {
  fc.assert(
    fc.property(question, asked => {
      const { planned, runs: all, base, from } = plan(asked, 'byte')
      const total = planned.reduce((sum, { bytes }) => sum + bytes, 0)
      const lastInline = planned.at(-1)?.kind === 'inline' ? planned.at(-1)!.bytes : 0
      // The first run that is read, and its stretch between the mark before the offset and the mark behind it.
      let offset = base
      let stretch = 0
      for (const { entry } of all) {
        if (offset <= from && from < offset + entry.span) {
          const first = from - offset
          const before = entry.marks.findLast(({ span }) => span <= first)?.bytes ?? 0
          const behind =
            first === 0 ? 0 : (entry.marks.find(({ span }) => span >= first)?.bytes ?? entry.bytes)
          stretch = Math.max(0, behind - before)
          if (entry.place.kind === 'inline') stretch = entry.bytes
        }
        offset += entry.span
      }
      expect(total).toBeLessThanOrEqual(asked.maxBytes + stretch + lastInline)
    }),
  )
})

test('a plan that ends at a mark knows the records of every range', () => {
  fc.assert(
    fc.property(question, asked => {
      for (const range of plan(asked, 'mark').planned) expect(range.span).toBeGreaterThan(0)
    }),
  )
})

test('a plan that ends at a mark stops at the first boundary at or above the limit', () => {
  const entry = exampleObjectEntry(1, {
    span: 10,
    bytes: 1_000,
    marks: [
      { span: 3, bytes: 300 },
      { span: 6, bytes: 600 },
      { span: 9, bytes: 900 },
    ],
  })
  const placed = placeEntries(toOffset(100), [entry])
  const range = (from: number, maxBytes: number) => {
    const [first] = planRead(placed, toOffset(from), maxBytes, 'mark')
    const { baseOffset, span, bytes } = first!
    return { baseOffset, span, bytes }
  }
  expect(range(100, 1)).toEqual({ baseOffset: 100, span: 3, bytes: 300 })
  expect(range(100, 300)).toEqual({ baseOffset: 100, span: 3, bytes: 300 })
  expect(range(100, 301)).toEqual({ baseOffset: 100, span: 6, bytes: 600 })
  expect(range(103, 300)).toEqual({ baseOffset: 103, span: 3, bytes: 300 })
  expect(range(104, 300)).toEqual({ baseOffset: 103, span: 6, bytes: 600 })
  expect(range(100, 901)).toEqual({ baseOffset: 100, span: 10, bytes: 1_000 })
  expect(range(109, 1)).toEqual({ baseOffset: 109, span: 1, bytes: 100 })
})

test('a plan from a known place reads from there on, and only as much as was asked for', () => {
  const object = 'a'.repeat(32)
  const place = { kind: 'object', object, epoch: 0, position: toPosition(5_000) } as const
  const marks = [{ span: 50, bytes: 5_000 }]
  const entry = exampleObjectEntry(1, { span: 100, bytes: 10_000, marks, place })
  const placed = placeEntries(toOffset(200), [entry])
  const known = { offset: toOffset(220), object, position: toPosition(7_000) }
  const first = (from: number, maxBytes: number, where: typeof known) => {
    const [range] = planRead(placed, toOffset(from), maxBytes, 'byte', where)
    return range
  }
  expect(first(220, 1_000, known)).toMatchObject({ position: 7_000, bytes: 1_000, baseOffset: 220 })
  expect(first(220, 50_000, known)).toMatchObject({
    position: 7_000,
    bytes: 8_000,
    baseOffset: 220,
    span: 80,
  })
  // What is known of another offset or another object is of no use.
  const fromMark = { position: 5_000, baseOffset: 200 }
  expect(first(221, 1_000, known)).toMatchObject(fromMark)
  expect(first(220, 1_000, { ...known, object: 'b'.repeat(32) })).toMatchObject(fromMark)
  expect(first(220, 1_000, { ...known, position: toPosition(15_000) })).toMatchObject(fromMark)
})

test('a plan of nothing is nothing', () => {
  expect(planRead([], toOffset(0), 100, 'byte')).toEqual([])
})
