import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { parseTime, startTimeProblem } from '../../src/core/times.ts'

const part = (...texts: string[]) => fc.constantFrom(...texts)

test('a time with its zone is what zod takes for one', () => {
  const schema = z.iso.datetime({ offset: true })
  const time = fc
    .tuple(
      part('2026', '2024', '2000', '1900', '0000', '26'),
      part('-01', '-02', '-04', '-12', '-13', '-00'),
      part('-01', '-28', '-29', '-30', '-31', '-32', '-00', '-1'),
      part('T', 'T', 't', ' '),
      part('00:00', '23:59', '24:00', '12:60', '1:00'),
      part(':00', ':59', ':60', ''),
      part('', '.5', '.123456789', '.'),
      part('Z', 'Z', 'z', '+02:00', '-23:59', '+24:00', '+0200', ''),
    )
    .map(parts => parts.join(''))
  fc.assert(
    fc.property(fc.oneof(time, fc.string()), text => {
      expect(parseTime(text, 'zoned') !== undefined).toBe(schema.safeParse(text).success)
    }),
    { numRuns: 5_000 },
  )
})

test.each(['2026-07-01T12:00:00Z', '2024-02-29T23:59:59.999+05:30'])('%s is one', text => {
  expect(parseTime(text, 'zoned')).toBe(Date.parse(text))
})

test.each([
  ['2026-02-30', undefined],
  ['2026-02-29', undefined],
  ['2026-04-31T12:00:00Z', undefined],
  ['2025-02-29T12:00', undefined],
  ['2026-13-01', undefined],
  ['2026-01-31T24:00:00Z', undefined],
  ['2026-01-31T12:00:60Z', undefined],
  ['2026-01-31T12:00:00+25:00', undefined],
  ['2026-01-31T12:00:00z', undefined],
  ['2026-1-31', undefined],
  ['２０２６-01-31', undefined],
  [' 2026-01-31', undefined],
  ['+12026-01-31', undefined],
  ['2024-02-29', new Date(2024, 1, 29).getTime()],
  ['2026-01-31T12:00', new Date(2026, 0, 31, 12).getTime()],
  ['2026-01-31T12:00Z', 1_769_860_800_000],
  ['2026-01-31T13:00:00+0100', 1_769_860_800_000],
])('%s is a local time, or none', (text, ms) => {
  expect(parseTime(text, 'local')).toBe(ms)
})

const NOW = Date.parse('2026-06-01T00:00:00Z')

test.each([
  [0, 'milliseconds', undefined],
  [8_000, 'milliseconds', undefined],
  [NOW, 'milliseconds', undefined],
  [NOW + 5_000, 'milliseconds', undefined],
  [NOW + 5_001, 'milliseconds', 'is 2026-06-01T00:00:05.001Z, in the future'],
  [
    1_735_732_800,
    'milliseconds',
    'is 1970-01-21T02:08:52.800Z, and looks like seconds: give milliseconds since 1970',
  ],
  [
    1_735_732_800_000_000,
    'milliseconds',
    'is +056973-03-08T00:00:00.000Z, in the future, and looks like microseconds: give milliseconds since 1970',
  ],
  [1_735_732_800, 'seconds', undefined],
  [
    1_735_732_800_000,
    'seconds',
    'is +056973-03-08T00:00:00.000Z, in the future, and looks like milliseconds: give seconds since 1970',
  ],
  [4_102_444_800, 'seconds', 'is 2100-01-01T00:00:00.000Z, in the future'],
  [Number.MAX_SAFE_INTEGER, 'milliseconds', 'is further away than any year that clocks have, in the future'],
  [
    -1,
    'milliseconds',
    'is not a whole number of milliseconds from 0 on, below 2^53, since 1970, in milliseconds',
  ],
  [1.5, 'seconds', undefined],
  [
    Number.NaN,
    'seconds',
    'is not a whole number of milliseconds from 0 on, below 2^53, since 1970, in seconds',
  ],
] as const)('records from %d %s on', (since1970, unit, problem) => {
  expect(startTimeProblem(since1970, NOW, unit)).toBe(problem)
})
