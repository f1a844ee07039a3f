import { expect, test } from 'vitest'
import { parseStartPlace } from '../../../src/cli/consuming/start-place.ts'
import { UsageError } from '../../../src/cli/output/failure.ts'

test.each([
  ['earliest', 'earliest'],
  ['beginning', 'earliest'],
  ['latest', 'latest'],
  ['end', 'latest'],
  ['0', { offset: 0 }],
  ['1769860800000', { offset: 1_769_860_800_000 }],
  ['-10', { fromEnd: 10 }],
  ['@1769860800000', { timestampMs: 1_769_860_800_000 }],
  ['2026-01-31T12:00:00Z', { timestampMs: 1_769_860_800_000 }],
  ['2026-01-31T13:00:00.000+01:00', { timestampMs: 1_769_860_800_000 }],
  ['2026-01-31T12:00:00', { timestampMs: new Date(2026, 0, 31, 12).getTime() }],
  ['2026-01-31', { timestampMs: new Date(2026, 0, 31).getTime() }],
])('%s', (text, place) => {
  expect(parseStartPlace(text)).toEqual(place)
})

test.each(['', 'yesterday', '1.5', '1e3', '@', '@-1', '@1.5', '2026-13-01', '12:00', '9007199254740993'])(
  '%s is no place',
  text => {
    expect(() => parseStartPlace(text)).toThrow(UsageError)
  },
)
