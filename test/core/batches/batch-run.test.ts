import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { batchesOf, cutRun, MarkTracker } from '../../../src/core/batches/batch-run.ts'
import { TidemarkError } from '../../../src/core/errors.ts'
import { MARK_INTERVAL_BYTES } from '../../../src/core/limits.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import {
  batchSizeBytes,
  decodeBatches,
  encodeBatch,
  readBatchHeader,
} from '../../../src/core/record/index.ts'
import { gapped } from '../record/forge.ts'

interface Batch {
  readonly bytes: Uint8Array
  readonly records: number
  readonly offset: number
}

/** Batches whose records say their own offset, one run after the other from `base` on. */
const runFrom = (base: number) =>
  fc
    .array(
      fc.record({
        records: fc.integer({ min: 1, max: 5 }),
        padding: fc.nat({ max: 200 }),
        compression: fc.constantFrom('none' as const, 'zstd' as const),
      }),
      { minLength: 1, maxLength: 8 },
    )
    .map(drafts => {
      let offset = base
      return drafts.map(({ records, padding, compression }): Batch => {
        const first = offset
        offset += records
        const inputs = Array.from({ length: records }, (_, index) => ({
          value: Buffer.from(`${first + index}:${'x'.repeat(padding)}`),
          timestampMs: first + index,
        }))
        return { bytes: encodeBatch(inputs, { compression }), records, offset: first }
      })
    })

const BASE = 1_000
const run = runFrom(BASE)
const joined = (batches: readonly Batch[]) => new Uint8Array(Buffer.concat(batches.map(({ bytes }) => bytes)))
const endOf = (batches: readonly Batch[]) => batches.at(-1)!.offset + batches.at(-1)!.records

/** What the records themselves say, and what offset they were given. */
function checkRecords(bytes: Uint8Array, first: number): number {
  const records = decodeBatches(bytes)
  for (const [index, record] of records.entries()) {
    expect(record.offset).toBe(first + index)
    expect(Buffer.from(record.value!).toString().split(':')[0]).toBe(String(first + index))
  }
  return first + records.length
}

const UNLIMITED = { maxBytes: Number.MAX_SAFE_INTEGER, atLeastOne: true }

describe('cutting a whole run', () => {
  test('leaves out the batches before the offset and no other', () => {
    fc.assert(
      fc.property(run, fc.nat(), (batches, into) => {
        const from = BASE + (into % (endOf(batches) - BASE))
        const cut = cutRun(joined(batches), toOffset(BASE), { ...UNLIMITED, from: toOffset(from) })
        const first = batches.find(({ offset, records }) => offset + records > from)!
        expect(checkRecords(cut.batches, first.offset)).toBe(endOf(batches))
        expect(cut).toMatchObject({ nextOffset: endOf(batches), neededBytes: undefined, isWhole: true })
      }),
    )
  })

  test('at a limit and going on from there gives every batch once', () => {
    fc.assert(
      fc.property(run, fc.integer({ min: 1, max: 600 }), (batches, maxBytes) => {
        let next = BASE
        let rounds = 0
        while (next < endOf(batches)) {
          const cut = cutRun(joined(batches), toOffset(BASE), {
            from: toOffset(next),
            maxBytes,
            atLeastOne: true,
          })
          const isFirstAlone = batchSizeBytes(cut.batches, 0) === cut.batches.length
          if (!isFirstAlone) expect(cut.batches.length).toBeLessThanOrEqual(maxBytes)
          const after = checkRecords(cut.batches, next)
          expect(after).toBeGreaterThan(next)
          expect(cut.nextOffset).toBe(after)
          expect(cut.isWhole).toBe(after === endOf(batches))
          next = after
          rounds += 1
        }
        expect(rounds).toBeLessThanOrEqual(batches.length)
      }),
    )
  })

  test('takes as many batches as the limit has room for', () => {
    fc.assert(
      fc.property(run, fc.nat(), (batches, pick) => {
        const count = 1 + (pick % batches.length)
        const room = joined(batches.slice(0, count)).length
        const cut = (maxBytes: number) =>
          cutRun(joined(batches), toOffset(BASE), { from: toOffset(BASE), maxBytes, atLeastOne: false })
        expect(cut(room).batches.length).toBe(room)
        expect(cut(room - 1).nextOffset).toBe(batches[count - 1]!.offset)
        expect(cut(1)).toMatchObject({ nextOffset: BASE, isWhole: false })
        expect(cut(1).batches.length).toBe(0)
      }),
    )
  })
})

describe('cutting a run whose end is missing', () => {
  test('gives the batches that are whole, and says how many bytes the next one takes', () => {
    fc.assert(
      fc.property(run, fc.nat(), (batches, pick) => {
        const all = joined(batches)
        const length = 1 + (pick % all.length)
        const cut = cutRun(all.slice(0, length), toOffset(BASE), { ...UNLIMITED, from: toOffset(BASE) })
        const whole: Batch[] = []
        for (const batch of batches) {
          if (joined([...whole, batch]).length > length) break
          whole.push(batch)
        }
        expect(checkRecords(cut.batches, BASE)).toBe(whole.length > 0 ? endOf(whole) : BASE)
        const wholeBytes = joined(whole).length
        expect(cut.isWhole).toBe(wholeBytes === length)
        if (wholeBytes === length) {
          expect(cut.neededBytes).toBeUndefined()
          return
        }
        expect(cut.neededBytes).toBeGreaterThan(length)
        const next = batches[whole.length]!
        const knowsSize = length - wholeBytes >= 61
        expect(cut.neededBytes).toBe(wholeBytes + (knowsSize ? next.bytes.length : 61))
      }),
    )
  })

  test('and growing it by what it asks for ends with a batch', () => {
    fc.assert(
      fc.property(run, fc.nat(), (batches, pick) => {
        const all = joined(batches)
        let length = 1 + (pick % Math.min(all.length, batches[0]!.bytes.length))
        for (let rounds = 0; ; rounds += 1) {
          expect(rounds).toBeLessThan(4)
          const cut = cutRun(all.slice(0, length), toOffset(BASE), { ...UNLIMITED, from: toOffset(BASE) })
          if (cut.batches.length > 0) break
          length = cut.neededBytes!
        }
      }),
    )
  })
})

describe('damage', () => {
  const batches = [0, 1, 2].map(number =>
    encodeBatch([{ value: Buffer.from(`value ${number}`), timestampMs: number }]),
  )
  const all = () => new Uint8Array(Buffer.concat(batches))
  const first = batches[0]!.length

  const errorNameOf = (attempt: () => unknown) => {
    try {
      attempt()
      return undefined
    } catch (error) {
      return error instanceof TidemarkError ? error.kafkaName : error
    }
  }
  const cutAll = (bytes: Uint8Array, from = 0) =>
    cutRun(bytes, toOffset(0), { ...UNLIMITED, from: toOffset(from) })

  test('to any byte under the CRC of a wanted batch ends the answer before it', () => {
    for (let position = first + 21; position < 2 * first; position += 1) {
      const bytes = all()
      bytes[position]! ^= 0x40
      const { batches, nextOffset, isWhole } = cutAll(bytes)
      expect([position, batches.length, nextOffset, isWhole]).toEqual([position, first, 1, false])
    }
  })

  test('to any byte under the CRC of the first batch of an answer is refused, with its offset', () => {
    for (let position = 21; position < first; position += 1) {
      const bytes = all()
      bytes[position]! ^= 0x40
      // A changed record count can move the batch before or behind what is wanted; its CRC is looked at all the same.
      expect([position, errorNameOf(() => cutAll(bytes))]).toEqual([position, 'CORRUPT_MESSAGE'])
    }
    const bytes = all()
    bytes[2 * first - 1]! ^= 1
    expect(() => cutAll(bytes, 1)).toThrow(/offset 1 /)
  })

  test('in a later chunk of an answer ends it without a word', () => {
    const bytes = all()
    bytes[first - 1]! ^= 1
    const cut = cutRun(bytes, toOffset(0), { ...UNLIMITED, from: toOffset(0), atLeastOne: false })
    expect([cut.batches.length, cut.nextOffset, cut.isWhole]).toEqual([0, 0, false])
  })

  test.each([
    ['negative', 0x80],
    ['zero', 0x00],
    ['far too large', 0x7f],
  ])('to a length, which is then %s, is refused', (_, highByte) => {
    const bytes = all()
    bytes.fill(0, first + 8, first + 12)
    bytes[first + 8] = highByte
    expect(errorNameOf(() => cutAll(bytes, 1))).toBe('CORRUPT_MESSAGE')
    expect(cutAll(bytes)).toMatchObject({ nextOffset: 1, neededBytes: undefined, isWhole: false })
    expect(errorNameOf(() => [...batchesOf(bytes, toOffset(0))])).toBe('CORRUPT_MESSAGE')
  })

  test('to a batch before the wanted ones does no harm', () => {
    const bytes = all()
    bytes[first - 1]! ^= 1
    expect(decodeBatches(cutAll(bytes, 1).batches).map(({ offset }) => offset)).toEqual([1, 2])
  })

  test('is found by batchesOf wherever it is', () => {
    fc.assert(
      fc.property(fc.nat({ max: 3 * first - 1 }), fc.integer({ min: 1, max: 255 }), (position, change) => {
        // Base offset and leader epoch lie outside the CRC, and are overwritten anyway.
        const inBatch = position % first
        fc.pre(inBatch >= 16 || (inBatch >= 8 && inBatch < 12))
        const bytes = all()
        bytes[position]! ^= change
        // Whichever is looked at first: a field that cannot be, or the CRC.
        expect(errorNameOf(() => [...batchesOf(bytes, toOffset(0))])).toMatch(
          /^(?:CORRUPT_MESSAGE|INVALID_(?:RECORD|TIMESTAMP)|UNSUPPORTED_COMPRESSION_TYPE|RECORD_LIST_TOO_LARGE)$/,
        )
      }),
    )
  })

  test('of a run that ends early is found by batchesOf', () => {
    expect(errorNameOf(() => [...batchesOf(all().slice(0, -1), toOffset(0))])).toBe('CORRUPT_MESSAGE')
  })
})

test('batchesOf tells where each batch begins and fills in its offset', () => {
  fc.assert(
    fc.property(run, batches => {
      const bytes = joined(batches)
      const positions = Array.from(batchesOf(bytes, toOffset(BASE)), ({ position }) => position)
      expect(positions).toEqual(batches.map((_, at) => joined(batches.slice(0, at)).length))
      expect(positions.map(position => readBatchHeader(bytes, position).baseOffset)).toEqual(
        batches.map(({ offset }) => offset),
      )
      checkRecords(bytes, BASE)
    }),
  )
})

describe('marks', () => {
  test('are batch boundaries, about an interval apart, the beginning and the end not among them', () => {
    const batch = fc.tuple(
      fc.integer({ min: 1, max: 100 }),
      fc.integer({ min: 61, max: 2 * MARK_INTERVAL_BYTES }),
    )
    fc.assert(
      fc.property(fc.array(batch, { maxLength: 40 }), batches => {
        const tracker = new MarkTracker()
        const boundaries: { span: number; bytes: number }[] = []
        let before = { span: 0, bytes: 0 }
        for (const [span, bytes] of batches) {
          tracker.add(span, bytes)
          boundaries.push(before)
          before = { span: before.span + span, bytes: before.bytes + bytes }
        }
        let last = 0
        for (const mark of tracker.marks) {
          expect(boundaries).toContainEqual(mark)
          expect(mark.bytes - last).toBeGreaterThanOrEqual(MARK_INTERVAL_BYTES)
          last = mark.bytes
        }
        // No boundary between two marks is a whole interval away from the mark before it.
        for (const { bytes } of boundaries) {
          const markBefore = tracker.marks.findLast(mark => mark.bytes <= bytes)?.bytes ?? 0
          expect(bytes - markBefore).toBeLessThan(MARK_INTERVAL_BYTES)
        }
      }),
    )
  })

  test('are none for a run shorter than an interval', () => {
    const tracker = new MarkTracker()
    tracker.add(5, MARK_INTERVAL_BYTES)
    expect(tracker.marks).toEqual([])
    tracker.add(5, 100)
    expect(tracker.marks).toEqual([{ span: 5, bytes: MARK_INTERVAL_BYTES }])
  })
})

describe('a run with stored offsets', () => {
  /** Batches with gaps in them, between them, before the first one and behind the last. */
  const settled = fc
    .array(
      fc.record({
        hole: fc.oneof(fc.constant(0), fc.nat({ max: 300 })),
        gaps: fc.array(fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 9 })), { maxLength: 4 }),
        behind: fc.nat({ max: 3 }),
        compression: fc.constantFrom('none' as const, 'zstd' as const),
      }),
      { minLength: 1, maxLength: 8 },
    )
    .map(drafts => {
      let end = BASE
      const batches = drafts.map(({ hole, gaps, behind, compression }) => {
        const base = end + hole
        let delta = -1
        const records = gaps.map(gap => {
          delta += gap
          return { delta, timestampMs: 5, value: Buffer.from(`${base + delta}`) }
        })
        const lastOffsetDelta = Math.max(0, delta) + behind
        end = base + lastOffsetDelta + 1
        const bytes = gapped(records, { baseOffset: base, lastOffsetDelta, compression })
        return { bytes, base, end, offsets: records.map(record => base + record.delta) }
      })
      return { batches, end }
    })
  const bytesOf = (batches: readonly { bytes: Uint8Array }[]) =>
    new Uint8Array(Buffer.concat(batches.map(({ bytes }) => bytes)))
  const offsetsIn = (bytes: Uint8Array) => decodeBatches(bytes).map(({ offset }) => offset)

  test('is cut to what is wanted, and no offset changes', () => {
    fc.assert(
      fc.property(settled, fc.nat(), ({ batches, end }, into) => {
        const from = BASE + (into % (end - BASE))
        const bytes = bytesOf(batches)
        const wanted = { ...UNLIMITED, from: toOffset(from), end: toOffset(end) }
        const cut = cutRun(bytes, toOffset(BASE), wanted, 'stored')
        const kept = batches.filter(batch => batch.end > from)
        expect(cut.batches).toEqual(bytesOf(kept))
        expect(offsetsIn(cut.batches)).toEqual(kept.flatMap(({ offsets }) => offsets))
        expect(cut).toMatchObject({ nextOffset: end, neededBytes: undefined, isWhole: true })
        expect(bytes).toEqual(bytesOf(batches))
      }),
    )
  })

  test('at a limit and going on from there gives every batch once', () => {
    fc.assert(
      fc.property(settled, fc.integer({ min: 1, max: 400 }), ({ batches, end }, maxBytes) => {
        const given: number[] = []
        let from = toOffset(BASE)
        for (let rounds = 0; from < end; rounds += 1) {
          expect(rounds).toBeLessThan(batches.length)
          const wanted = { from, maxBytes, atLeastOne: true, end: toOffset(end) }
          const cut = cutRun(bytesOf(batches), toOffset(BASE), wanted, 'stored')
          given.push(...offsetsIn(cut.batches))
          expect(cut.nextOffset).toBeGreaterThan(from)
          from = cut.nextOffset
        }
        expect(given).toEqual(batches.flatMap(({ offsets }) => offsets))
      }),
    )
  })

  test('tells by batchesOf where each one is', () => {
    fc.assert(
      fc.property(settled, ({ batches, end }) => {
        const told = [...batchesOf(bytesOf(batches), toOffset(BASE), 'stored', toOffset(end))]
        expect(told.map(({ offset, span }) => [offset, offset + span])).toEqual(
          batches.map(batch => [batch.base, batch.end]),
        )
        expect(told.map(({ header }) => header.recordCount)).toEqual(
          batches.map(({ offsets }) => offsets.length),
        )
      }),
    )
  })

  test('is damaged where an offset lies before its predecessor, or beyond the end', () => {
    fc.assert(
      fc.property(settled, fc.nat(), fc.boolean(), ({ batches, end }, pick, isBefore) => {
        const at = pick % batches.length
        const bytes = bytesOf(batches)
        const position = bytesOf(batches.slice(0, at)).length
        const least = at === 0 ? BASE : batches[at - 1]!.end
        const { base, end: batchEnd } = batches[at]!
        const wrong = isBefore ? least - 1 : end - (batchEnd - base) + 1
        new DataView(bytes.buffer).setBigInt64(position, BigInt(wrong))
        expect(() => [...batchesOf(bytes, toOffset(BASE), 'stored', toOffset(end))]).toThrow(
          `The stored batch at offset ${least} is damaged`,
        )
        const wanted = { ...UNLIMITED, from: toOffset(least), end: toOffset(end) }
        expect(() => cutRun(bytes, toOffset(BASE), wanted, 'stored')).toThrow('is damaged')
        if (at === 0) return
        const cut = cutRun(bytes, toOffset(BASE), { ...wanted, from: toOffset(BASE) }, 'stored')
        expect(cut).toMatchObject({ nextOffset: least, isWhole: false })
        expect(cut.batches).toEqual(bytesOf(batches.slice(0, at)))
      }),
    )
  })
})
