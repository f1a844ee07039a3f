import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { isZonedTime } from '../../../../src/contract/http/requests/zoned-time.ts'

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
      expect(isZonedTime(text)).toBe(schema.safeParse(text).success)
    }),
    { numRuns: 5_000 },
  )
})

test.each(['2026-07-01T12:00:00Z', '2024-02-29T23:59:59.999+05:30'])('%s is one', text => {
  expect(isZonedTime(text)).toBe(true)
})
