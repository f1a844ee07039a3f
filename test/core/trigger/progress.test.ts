import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { COMMIT_METADATA_BYTES_MAX } from '../../../src/core/limits.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { decodeProgress, encodeProgress, type Progress } from '../../../src/core/trigger/progress.ts'

const count = fc.nat(Number.MAX_SAFE_INTEGER)
const progresses: fc.Arbitrary<Progress> = fc.record({
  attempts: count,
  failures: count,
  sinceMs: count,
  ends: fc
    .uniqueArray(count, { maxLength: 64 })
    .map(ends => ends.sort((one, other) => one - other).map(toOffset)),
  error: fc.string({ maxLength: 300, unit: 'binary' }),
})

const PROGRESS: Progress = {
  attempts: 2,
  failures: 3,
  sinceMs: 1_750_000_000_000,
  ends: [toOffset(105), toOffset(110)],
  error: 'TypeError: no "id"',
}

describe('what is noted down of a failing batch', () => {
  test('has this form', () => {
    expect(encodeProgress(PROGRESS)).toBe(
      '{"trigger":1,"attempts":2,"failures":3,"sinceMs":1750000000000,"ends":[105,110],"error":"TypeError: no \\"id\\""}',
    )
    expect(encodeProgress(null)).toBe('')
    expect(decodeProgress('')).toBeNull()
  })

  test('comes back as it was', () => {
    fc.assert(
      fc.property(progresses, progress => {
        const text = encodeProgress(progress)
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(COMMIT_METADATA_BYTES_MAX)
        const error = [...progress.error].slice(0, 300).join('').toWellFormed()
        expect(decodeProgress(text)).toEqual({ ...progress, error })
      }),
    )
  })

  test.each([
    ['text', 'x'.repeat(10_000)],
    ['characters that are escaped', '\u0000'.repeat(10_000)],
    ['characters of four bytes', '🌊'.repeat(10_000)],
    ['halves of them', '\ud83c'.repeat(10_000)],
  ])('fits into a commit, however much %s an error has', (_, error) => {
    const ends = Array.from({ length: 64 }, (__, index) => toOffset(Number.MAX_SAFE_INTEGER - 64 + index))
    const text = encodeProgress({ ...PROGRESS, error, ends })
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(COMMIT_METADATA_BYTES_MAX)
    expect(decodeProgress(text)!.ends).toEqual(ends)
    expect([...decodeProgress(text)!.error]).toHaveLength(300)
  })

  test('leaves out the farthest ends where there are too many', () => {
    const ends = Array.from({ length: 100 }, (_, index) => toOffset(index))
    expect(decodeProgress(encodeProgress({ ...PROGRESS, ends }))!.ends).toEqual(ends.slice(0, 64))
  })

  test.each([
    'checkpoint-17',
    '{"trigger":',
    '{"trigger":2,"attempts":2,"failures":3,"sinceMs":1,"ends":[],"error":""}',
    '{"trigger":1,"attempts":-2,"failures":3,"sinceMs":1,"ends":[],"error":""}',
    '{"trigger":1,"attempts":2,"failures":3,"sinceMs":1,"ends":["1"],"error":""}',
    '{"trigger":1,"attempts":2,"failures":3,"sinceMs":1,"ends":[2,1],"error":""}',
    '{"trigger":1,"attempts":2,"failures":3,"sinceMs":1,"ends":[]}',
    `{"trigger":1,"attempts":2,"failures":3,"sinceMs":1,"ends":[${Array.from({ length: 65 }, (_, index) => index)}],"error":""}`,
    '{"trigger":1}',
  ])('is nothing in the metadata of others: %s', metadata => {
    expect(decodeProgress(metadata)).toBeNull()
  })
})
