import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { batchesOf } from '../../../src/core/batches/batch-run.ts'
import { MARK_INTERVAL_BYTES, SEGMENT_DEFAULT_BYTES, SEGMENT_MARKS_MAX } from '../../../src/core/limits.ts'
import { advance, INT32_MAX, toOffset } from '../../../src/core/numbers.ts'
import { decodeBatches, encodeBatch } from '../../../src/core/record/index.ts'
import { decodeFooter } from '../../../src/core/segment/footer.ts'
import { type FooterFacts, markBytesFor, SegmentWriter } from '../../../src/core/segment/segment-writer.ts'
import { gapped } from '../record/forge.ts'

const BASE = 1_000

const FACTS: FooterFacts = {
  topic: {
    topicId: 'an-id',
    name: 'tides',
    partitions: 3,
    configs: { 'flush.ms': '7' },
    createdMs: 4,
    expires: false,
  },
  partition: 2,
  level: 'rolled',
  cleanTo: toOffset(0),
  passEnd: toOffset(0),
  id: 'ab'.repeat(16),
  writes: 2,
  loggedBytes: 77,
  createdMs: 5,
  startOffset: toOffset(3),
  tombstonesMs: 0,
  producers: new Map(),
}

/** Batches of one producing run, or of a segment: then with holes between them, and in them. */
const parts = fc.array(
  fc.record({
    hole: fc.oneof(fc.constant(0), fc.nat({ max: 50 })),
    isStored: fc.boolean(),
    batches: fc.array(
      fc.record({
        records: fc.integer({ min: 1, max: 4 }),
        hole: fc.nat({ max: 3 }),
        bytes: fc.nat({ max: 600 }),
        timestampMs: fc.nat({ max: 1_000 }),
      }),
      { minLength: 1, maxLength: 6 },
    ),
  }),
  { minLength: 1, maxLength: 6 },
)
type Parts = typeof parts extends fc.Arbitrary<infer T> ? T : never

interface Made {
  readonly writer: SegmentWriter
  readonly bytes: Buffer
  readonly end: number
  readonly batches: readonly {
    base: number
    end: number
    position: number
    timestampMs: number
    records: number
  }[]
}

function write(drafts: Parts, markBytes: number): Made {
  const writer = new SegmentWriter(toOffset(BASE), { markBytes })
  const written: Uint8Array[] = []
  const batches: { base: number; end: number; position: number; timestampMs: number; records: number }[] = []
  let next = BASE
  let position = 0
  for (const part of drafts) {
    const from = next + part.hole
    next = from
    const run = part.batches.map(({ records, hole, bytes, timestampMs }) => {
      const base = part.isStored ? next + hole : next
      const step = part.isStored ? hole + 1 : 1
      const inputs = Array.from({ length: records }, (_, index) => ({
        delta: index * step,
        timestampMs,
        value: Buffer.alloc(bytes, `${base}`),
      }))
      const batch = gapped(inputs, { baseOffset: part.isStored ? base : 0 })
      next = base + (records - 1) * step + 1
      batches.push({ base, end: next, position, timestampMs, records })
      position += batch.length
      return batch
    })
    const bytes = new Uint8Array(Buffer.concat(run))
    written.push(writer.add(bytes, toOffset(from), part.isStored ? 'stored' : 'counted', toOffset(next)))
  }
  return { writer, bytes: Buffer.concat(written), end: next, batches }
}

describe('a segment that is written', () => {
  test('has every batch at its offset, and says so in its item and in its footer', () => {
    fc.assert(
      fc.property(
        parts,
        fc.integer({ min: 1, max: 800 }),
        fc.nat({ max: 9 }),
        (drafts, markBytes, behind) => {
          const { writer, bytes, end, batches } = write(drafts, markBytes)
          const { footer, segment } = writer.finish(toOffset(end + behind), FACTS)
          expect(
            Array.from(
              batchesOf(new Uint8Array(bytes), toOffset(BASE), 'stored', segment.end),
              batch => batch.offset,
            ),
          ).toEqual(batches.map(({ base }) => base))
          expect(segment).toMatchObject({
            baseOffset: BASE,
            end: end + behind,
            bytes: bytes.length,
            footerBytes: footer.length,
            records: decodeBatches(new Uint8Array(bytes)).length,
            maxTimestampMs: Math.max(...batches.map(({ timestampMs }) => timestampMs)),
            firstTimestampMs: batches[0]!.timestampMs,
            writes: 2,
          })
          const decoded = decodeFooter(footer)
          expect(decoded.segment).toEqual(segment)
          expect(decoded.topic).toEqual(FACTS.topic)
        },
      ),
      { numRuns: 60 },
    )
  })

  test('can be read from every mark on, with nothing lost before it', () => {
    fc.assert(
      fc.property(parts, fc.integer({ min: 1, max: 800 }), (drafts, markBytes) => {
        const { writer, bytes, end, batches } = write(drafts, markBytes)
        const { marks } = decodeFooter(writer.finish(toOffset(end), FACTS).footer)
        const stretches = [...marks.stretches()]
        expect(stretches[0]).toMatchObject({ span: 0, bytes: 0 })
        expect(stretches.at(-1)).toMatchObject({ endSpan: end - BASE, endBytes: bytes.length })
        expect(marks.marksOf()).toEqual(
          stretches.slice(1).map(({ span, bytes: before }) => ({ span, bytes: before })),
        )
        for (const stretch of stretches) {
          const within = batches.filter(
            ({ position }) => stretch.bytes <= position && position < stretch.endBytes,
          )
          const part = new Uint8Array(bytes.subarray(stretch.bytes, stretch.endBytes))
          const read = [
            ...batchesOf(part, toOffset(BASE + stretch.span), 'stored', toOffset(BASE + stretch.endSpan)),
          ]
          expect(read.map(({ offset }) => offset)).toEqual(within.map(({ base }) => base))
          expect(stretch.maxTimestampMs).toBe(Math.max(...within.map(({ timestampMs }) => timestampMs)))
          // All but the last batch lie less than an interval behind the mark.
          expect((within.at(-1)?.position ?? 0) - stretch.bytes).toBeLessThan(markBytes)
        }
      }),
      { numRuns: 60 },
    )
  })

  test('tells the first stretch of a time, and those behind it', () => {
    fc.assert(
      fc.property(parts, fc.nat({ max: 1_000 }), fc.nat({ max: 400 }), (drafts, timestampMs, spanBefore) => {
        const { writer, end } = write(drafts, 100)
        const { marks } = decodeFooter(writer.finish(toOffset(end), FACTS).footer)
        expect(marks.firstAt(timestampMs, spanBefore)).toEqual(
          [...marks.stretches()].find(
            stretch => stretch.maxTimestampMs >= timestampMs && stretch.endSpan > spanBefore,
          ),
        )
      }),
    )
  })

  test('has as many marks as are worth it, however large it becomes', () => {
    expect(markBytesFor(SEGMENT_DEFAULT_BYTES)).toBe(MARK_INTERVAL_BYTES)
    expect(markBytesFor(SEGMENT_DEFAULT_BYTES * 4)).toBe(4 * MARK_INTERVAL_BYTES)
    const batch = encodeBatch([{ value: new Uint8Array(1_000), timestampMs: 5 }])
    const writer = new SegmentWriter(toOffset(0), { markBytes: 1 })
    const count = SEGMENT_MARKS_MAX * 8
    for (let index = 0; index < count; index++) writer.add(batch, toOffset(index))
    const { marks } = decodeFooter(writer.finish(toOffset(count), FACTS).footer)
    // Eight times as many batches as there should be marks: three doublings.
    expect(marks.marksOf().length).toBeLessThan(SEGMENT_MARKS_MAX * 4)
    expect(marks.heldBytes).toBeLessThan(SEGMENT_MARKS_MAX * 4 * 24)
  })

  test('is a footer alone where no batch is left', () => {
    const writer = new SegmentWriter(toOffset(BASE))
    const { footer, segment } = writer.finish(toOffset(BASE + 7), FACTS)
    expect(segment).toMatchObject({
      baseOffset: BASE,
      end: BASE + 7,
      bytes: 0,
      footerBytes: footer.length,
      records: 0,
      maxTimestampMs: -1,
    })
    expect(decodeFooter(footer).segment).toEqual(segment)
    expect([...decodeFooter(footer).marks.stretches()]).toEqual([])
  })
})

describe('what cannot be read', () => {
  const batches = [0, 1, 2].map(number =>
    encodeBatch([{ value: Buffer.from(`value ${number}`), timestampMs: number }]),
  )
  const whole = (number: number) => new Uint8Array(batches[number]!)

  test('is copied as it is, between two marks', () => {
    const writer = new SegmentWriter(toOffset(BASE))
    const damaged = whole(1).fill(0xee, 70)
    const bytes = Buffer.concat([
      writer.add(whole(0), toOffset(BASE)),
      writer.addDamaged(damaged, toOffset(BASE + 1), toOffset(BASE + 5)),
      writer.add(whole(2), toOffset(BASE + 5)),
    ])
    expect(bytes.subarray(whole(0).length, -whole(2).length)).toEqual(Buffer.from(damaged))
    const { footer, segment } = writer.finish(toOffset(BASE + 6), FACTS)
    const { marks } = decodeFooter(footer)
    expect(marks.marksOf()).toEqual([
      { span: 1, bytes: whole(0).length },
      { span: 5, bytes: whole(0).length + damaged.length },
    ])
    expect(segment).toMatchObject({ records: 2, maxTimestampMs: 2, firstTimestampMs: 0 })
  })

  test('is a batch with a wrong CRC where nothing is left of it', () => {
    const writer = new SegmentWriter(toOffset(BASE))
    const span = INT32_MAX + 10
    const bytes = new Uint8Array(writer.addLost(toOffset(BASE), advance(toOffset(BASE), span)))
    const { segment } = writer.finish(advance(toOffset(BASE), span), FACTS)
    expect(segment).toMatchObject({ records: 0, bytes: 2 * 61 })
    for (const [at, from] of [
      [0, BASE],
      [61, BASE + INT32_MAX],
    ] as const) {
      const lost = bytes.slice(at, at + 61)
      expect(() => decodeBatches(lost)).toThrow('CRC-32C')
      expect(() => [...batchesOf(lost, toOffset(from), 'stored', segment.end)]).toThrow(
        `offset ${from} is damaged`,
      )
    }
  })

  test('is what comes out of order', () => {
    const writer = new SegmentWriter(toOffset(BASE))
    expect(() => writer.add(whole(0), toOffset(BASE - 1))).toThrow(RangeError)
    expect(() =>
      writer.add(gapped([{ delta: 0, timestampMs: 5 }], { baseOffset: 3 }), toOffset(BASE), 'stored'),
    ).toThrow(RangeError)
    writer.add(whole(0), toOffset(BASE + 4))
    expect(() => writer.add(whole(0), toOffset(BASE + 4))).toThrow(RangeError)
    expect(() => writer.add(whole(0), toOffset(BASE + 5), 'counted', toOffset(BASE + 5))).toThrow(RangeError)
    expect(() => writer.finish(toOffset(BASE + 4), FACTS)).toThrow(RangeError)
  })
})
