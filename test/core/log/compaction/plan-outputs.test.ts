import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type OutputRules, planOutputs } from '../../../../src/core/log/compaction/plan-outputs.ts'
import type { Segment } from '../../../../src/core/log/settled/segment.ts'
import { toOffset } from '../../../../src/core/numbers.ts'
import { segmentsOf } from '../segments.ts'

/** `kind base-end`, and how many segments it is made of. */
function planned(
  given: readonly Partial<Segment>[],
  rules: Partial<Record<Exclude<keyof OutputRules, 'tombstoneAge' | 'staysWhole'>, number>>,
): string[] {
  const end = given.length * 10
  const { from = 0, clean = end, to = clean, segmentBytes = 1_000, spanMsMax = 1e12 } = rules
  const [at, until, last] = [toOffset(from), toOffset(clean), toOffset(to)]
  return planOutputs(segmentsOf(...given), {
    ...{ from: at, clean: until, to: last, segmentBytes, spanMsMax },
    tombstoneAge: ({ tombstonesMs }) => tombstonesMs || undefined,
    staysWhole: ({ writes }) => writes === 9,
  }).map(output =>
    output.kind === 'take over'
      ? `take over ${output.input.baseOffset}-${output.input.end}`
      : `write ${output.baseOffset}-${output.end} of ${output.inputs.length}`,
  )
}

const FOUR = [{}, {}, {}, {}]

test('small segments become one', () => {
  expect(planned(FOUR, {})).toEqual(['write 0-40 of 4'])
  expect(planned(FOUR, { segmentBytes: 200 })).toEqual(['write 0-20 of 2', 'write 20-40 of 2'])
})

test('a large one stays alone, and empty ones cost nothing', () => {
  expect(planned([{ bytes: 5_000 }, {}, { bytes: 0 }, { bytes: 0 }], {})).toEqual([
    'write 0-10 of 1',
    'write 10-40 of 3',
  ])
})

test('what lies too far apart in time stays apart', () => {
  expect(planned(FOUR, { spanMsMax: 1_000 })).toEqual(['write 0-20 of 2', 'write 20-40 of 2'])
})

test('tombstones of different ages stay apart, and what has none goes with either', () => {
  const ages = [{ tombstonesMs: 1 }, {}, { tombstonesMs: 1 }, { tombstonesMs: 2 }, {}, { tombstonesMs: 3 }]
  expect(planned(ages, {})).toEqual(['write 0-30 of 3', 'write 30-50 of 2', 'write 50-60 of 1'])
})

test('what is known to stay whole is taken over, where it begins as its item says', () => {
  expect(planned([{}, { writes: 9 }, {}, { writes: 9 }], {})).toEqual([
    'write 0-10 of 1',
    'take over 10-20',
    'write 20-30 of 1',
    'take over 30-40',
  ])
  expect(planned([{ writes: 9 }, { writes: 9 }], { from: 5 })).toEqual(['write 5-10 of 1', 'take over 10-20'])
})

test('a pass that begins and ends in the midst of segments takes their parts', () => {
  expect(planned(FOUR, { from: 5, clean: 25 })).toEqual(['write 5-25 of 3'])
})

test('what lies behind what is cleaned is taken over, and copied where it cannot be', () => {
  expect(planned(FOUR, { clean: 20, to: 40 })).toEqual([
    'write 0-20 of 2',
    'take over 20-30',
    'take over 30-40',
  ])
  expect(planned(FOUR, { clean: 15, to: 35 })).toEqual([
    'write 0-15 of 2',
    'write 15-20 of 1',
    'take over 20-30',
    'write 30-35 of 1',
  ])
})

test('a pass that is gone on with behind what it cleans has only that left', () => {
  expect(planned(FOUR, { from: 25, clean: 15, to: 40 })).toEqual(['write 25-30 of 1', 'take over 30-40'])
})

test('outputs cover all of it without a gap, whatever the segments are like', () => {
  const segment = fc.record({ bytes: fc.nat({ max: 300 }), maxTimestampMs: fc.nat({ max: 5_000 }) })
  const segments = fc.array(segment, { minLength: 1, maxLength: 12 })
  const rules = fc.record({
    places: fc.tuple(fc.nat(), fc.nat(), fc.nat()),
    segmentBytes: fc.nat({ max: 600 }),
    spanMsMax: fc.nat({ max: 5_000 }),
  })
  fc.assert(
    fc.property(segments, rules, (given, { places, segmentBytes, spanMsMax }) => {
      const chain = segmentsOf(...given)
      const end = chain.at(-1)!.end
      const to = toOffset(1 + (places[0] % end))
      const from = toOffset(places[1] % to)
      const clean = toOffset(places[2] % (to + 1))
      const tombstoneAge = ({ maxTimestampMs }: Segment) => maxTimestampMs % 2 || undefined
      const staysWhole = ({ maxTimestampMs }: Segment) => maxTimestampMs % 3 === 0
      const rules = { from, clean, to, segmentBytes, spanMsMax, tombstoneAge, staysWhole }
      const outputs = planOutputs(chain, rules)
      let next: number = from
      for (const output of outputs) {
        if (output.kind === 'take over') {
          const { input } = output
          const isAsItIs = input.baseOffset >= clean || staysWhole(input)
          expect([input.baseOffset, isAsItIs]).toEqual([next, true])
          next = output.input.end
          continue
        }
        const { baseOffset, inputs } = output
        expect(baseOffset).toBe(next)
        expect(output.end).toBeGreaterThan(baseOffset)
        // Either all of it is cleaned, or nothing.
        expect(output.end <= clean || baseOffset >= clean).toBe(true)
        expect(inputs[0]!.baseOffset <= baseOffset && inputs[0]!.end > baseOffset).toBe(true)
        expect(inputs.at(-1)!.baseOffset < output.end && inputs.at(-1)!.end >= output.end).toBe(true)
        if (inputs.length > 1) {
          expect(inputs.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(segmentBytes)
        }
        next = output.end
      }
      expect(next).toBe(to)
    }),
    { numRuns: 500 },
  )
})
