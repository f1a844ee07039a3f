import { crc32c } from '@node-rs/crc32'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FOOTER_PRODUCERS_MAX } from '../../../src/core/limits.ts'
import type { FlushedProducer } from '../../../src/core/log/producers/flushed-producer.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import {
  decodeFooter,
  encodeFooter,
  type Footer,
  TRAILER_BYTES,
  trailerOf,
} from '../../../src/core/segment/footer.ts'
import { SparseIndex, type StretchStart } from '../../../src/core/segment/sparse-index.ts'

const offset = fc.nat({ max: 2 ** 45 }).map(toOffset)
const count = fc.nat({ max: 2 ** 40 })
const timeMs = fc.oneof(fc.constant(-1), fc.nat({ max: Number.MAX_SAFE_INTEGER - 1 }))
const id = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(bytes => Buffer.from(bytes).toString('hex'))

const stretches = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 2 ** 30 }), fc.integer({ min: 1, max: 2 ** 30 }), timeMs), {
    minLength: 1,
    maxLength: 20,
  })
  .map(steps => {
    let before: StretchStart | undefined
    return steps.map(([span, bytes, maxTimestampMs]) => {
      const next = {
        span: before ? before.span + span : 0,
        bytes: before ? before.bytes + bytes : 0,
        maxTimestampMs,
      }
      before = next
      return next
    })
  })

const producers = fc.array(
  fc.tuple(
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.record({
      epoch: fc.nat({ max: 32_767 }),
      createdMs: count,
      runs: fc.array(fc.record({ sequence: count, records: count, baseOffset: offset }), {
        minLength: 1,
        maxLength: 5,
      }),
    }),
  ),
  { maxLength: 5 },
)

const footer: fc.Arbitrary<Footer> = fc
  .record({
    topic: fc.record({
      topicId: fc.string(),
      name: fc.string({ unit: 'binary' }),
      partitions: count,
      configs: fc.dictionary(fc.string(), fc.string()).map(configs => ({ ...configs })),
      createdMs: count,
      expires: fc.boolean(),
    }),
    partition: count,
    level: fc.oneof(fc.constant('rolled' as const), count),
    cleanTo: offset,
    passEnd: offset,
    base: offset,
    item: fc.record({
      id,
      records: count,
      writes: count,
      loggedBytes: count,
      createdMs: count,
      startOffset: offset,
      tombstonesMs: count,
    }),
    times: fc.tuple(timeMs, timeMs),
    producers,
    stretches,
    behind: fc.integer({ min: 1, max: 1_000 }),
    lost: fc.constantFrom({}, { lost: 1 }, { lost: 2 ** 40 }),
  })
  .map(({ base, item, times, behind, lost, ...rest }) => {
    const last = rest.stretches.at(-1)!
    const end = { span: last.span + behind, bytes: last.bytes + behind }
    const [maxTimestampMs, firstTimestampMs] = times
    const segment = {
      baseOffset: base,
      end: toOffset(base + end.span),
      bytes: end.bytes,
      footerBytes: 0,
      maxTimestampMs,
      firstTimestampMs,
      ...item,
      ...lost,
    }
    const { topic, partition, level, cleanTo, passEnd } = rest
    const known: Map<bigint, FlushedProducer> = new Map(rest.producers)
    return {
      topic,
      partition,
      level,
      cleanTo,
      passEnd,
      segment,
      producers: known,
      marks: new SparseIndex(rest.stretches, end),
    }
  })

test('a footer is read as it was written, and found by the end of its object', () => {
  fc.assert(
    fc.property(footer, fc.uint8Array({ maxLength: 50 }), (given, before) => {
      const bytes = encodeFooter(given)
      const read = decodeFooter(bytes)
      expect({ ...read, marks: [...read.marks.stretches()] }).toEqual({
        ...given,
        segment: { ...given.segment, footerBytes: bytes.length },
        marks: [...given.marks.stretches()],
      })
      const object = new Uint8Array(Buffer.concat([before, bytes]))
      expect(trailerOf(object)?.footerBytes).toBe(bytes.length)
      expect(trailerOf(object.subarray(-TRAILER_BYTES))?.footerBytes).toBe(bytes.length)
    }),
  )
})

const EXAMPLE: Footer = {
  topic: {
    topicId: 'AQID',
    name: 'tides',
    partitions: 3,
    configs: { 'retention.ms': '5' },
    createdMs: 1_700_000_000_000,
    expires: true,
  },
  partition: 2,
  level: 4,
  cleanTo: toOffset(900),
  passEnd: toOffset(1_200),
  segment: {
    baseOffset: toOffset(1_000),
    end: toOffset(1_100),
    id: '00112233445566778899aabbccddeeff',
    bytes: 70_000,
    footerBytes: 0,
    records: 90,
    writes: 3,
    loggedBytes: 1_000_000,
    maxTimestampMs: 1_700_000_000_500,
    firstTimestampMs: 1_700_000_000_100,
    createdMs: 1_700_000_001_000,
    startOffset: toOffset(7),
    tombstonesMs: 0,
  },
  producers: new Map([
    [5n, { epoch: 1, createdMs: 9, runs: [{ sequence: 3, records: 2, baseOffset: toOffset(1_050) }] }],
  ]),
  marks: new SparseIndex(
    [
      { span: 0, bytes: 0, maxTimestampMs: 1_700_000_000_500 },
      { span: 60, bytes: 66_000, maxTimestampMs: 1_700_000_000_200 },
    ],
    { span: 100, bytes: 70_000 },
  ),
}

test('a footer keeps its bytes', () => {
  expect(Buffer.from(encodeFooter(EXAMPLE)).toString('hex')).toMatchInlineSnapshot(
    `"01044151494405746964657303147b22726574656e74696f6e2e6d73223a2235227d80d095ffbc3101020204e807cc08078407b00900112233445566778899aabbccddeefff0a2045a03c0843df5d395ffbc31e5d095ffbc31e8d795ffbc31000f000000000000000501090103029a080e000068a7abfef9623cd0830459040000007f27648784544d5331"`,
  )
})

test('a footer of which offsets are given up says how many at its end', () => {
  const lost = { ...EXAMPLE, segment: { ...EXAMPLE.segment, lost: 129 } }
  const [with129, without] = [encodeFooter(lost), encodeFooter(EXAMPLE)].map(bytes =>
    Buffer.from(bytes.subarray(0, -TRAILER_BYTES)).toString('hex'),
  )
  expect(with129).toBe(`02${without!.slice(2)}8101`)
  expect(decodeFooter(encodeFooter(lost)).segment.lost).toBe(129)
  expect(decodeFooter(encodeFooter(EXAMPLE)).segment).not.toHaveProperty('lost')
})

describe('a footer that is not as it should be', () => {
  const whole = encodeFooter(EXAMPLE)
  const sealed = (body: Uint8Array) => {
    const trailer = Buffer.alloc(TRAILER_BYTES)
    trailer.writeUInt32BE(body.length, 0)
    trailer.writeUInt32BE(crc32c(body), 4)
    trailer.write('TMS1', 8)
    return new Uint8Array(Buffer.concat([body, trailer]))
  }
  const body = whole.slice(0, -TRAILER_BYTES)

  test('is refused whichever bit has changed, and wherever it was cut', () => {
    for (let at = 0; at < whole.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const damaged = Uint8Array.from(whole)
        damaged[at]! ^= 1 << bit
        expect(() => decodeFooter(damaged)).toThrow(RangeError)
      }
      expect(() => decodeFooter(whole.subarray(at + 1))).toThrow(RangeError)
      expect(() => decodeFooter(whole.subarray(0, at))).toThrow(RangeError)
    }
    expect(() => decodeFooter(new Uint8Array(Buffer.concat([Uint8Array.of(1), whole])))).toThrow(RangeError)
  })

  test('with a right CRC is read, or refused with a RangeError, and takes no memory that it does not have', () => {
    const change = fc.record({ at: fc.nat(), to: fc.nat({ max: 255 }) })
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), fc.nat({ max: 9 }), (changes, cut) => {
        const hostile = Uint8Array.from(body).subarray(0, body.length - (cut > 5 ? cut : 0))
        for (const { at, to } of changes) hostile[at % hostile.length] = to
        let read: Footer | undefined
        try {
          read = decodeFooter(sealed(hostile))
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError)
        }
        if (!read) return
        const { segment } = read
        expect(segment.end).toBeGreaterThan(segment.baseOffset)
        for (const stretch of read.marks.stretches()) {
          expect(stretch.bytes).toBeLessThan(stretch.endBytes)
          expect(stretch.span).toBeLessThan(stretch.endSpan)
          expect(stretch.endBytes).toBeLessThanOrEqual(segment.bytes)
          expect(stretch.endSpan).toBeLessThanOrEqual(segment.end - segment.baseOffset)
        }
      }),
      { numRuns: 5_000 },
    )
  })

  test('is refused in a version that is not known, and with something behind', () => {
    expect(() => decodeFooter(sealed(Uint8Array.from(body, (byte, at) => (at === 0 ? 3 : byte))))).toThrow(
      'version 3',
    )
    expect(() => decodeFooter(sealed(new Uint8Array([...body, 0])))).toThrow(RangeError)
    expect(() => decodeFooter(new Uint8Array())).toThrow(RangeError)
    expect(trailerOf(new Uint8Array(11))).toBeUndefined()
    expect(trailerOf(new Uint8Array(100))).toBeUndefined()
  })
})

test('a footer of the most producers and marks stays small', () => {
  const last = 4_095
  const many = Array.from({ length: last + 1 }, (_, index) => ({
    span: index * 700,
    bytes: index * 66_000,
    maxTimestampMs: 1_700_000_000_000 + index * 60_000,
  }))
  const runs = Array.from({ length: 5 }, (_, index) => ({
    sequence: index * 1e6,
    records: 1_000,
    baseOffset: toOffset(1e12 + index),
  }))
  const bytes = encodeFooter({
    ...EXAMPLE,
    segment: { ...EXAMPLE.segment, end: toOffset(1_000 + (last + 1) * 700), bytes: (last + 1) * 66_000 },
    producers: new Map(
      Array.from({ length: FOOTER_PRODUCERS_MAX }, (_, index) => [
        BigInt(index),
        { epoch: 1, createdMs: 1_700_000_000_000, runs },
      ]),
    ),
    marks: new SparseIndex(many, { span: (last + 1) * 700, bytes: (last + 1) * 66_000 }),
  })
  expect(bytes.length).toBeLessThan(120 * 1024)
})
