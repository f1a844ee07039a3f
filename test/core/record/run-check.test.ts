import fc from 'fast-check'
import { expect, test } from 'vitest'
import { batchSizeBytes, checkBatch } from '../../../src/core/record/batch-header.ts'
import { CRC_AT, RECORDS_AT, writeInt32 } from '../../../src/core/record/batch-layout.ts'
import { batchChecksum, checksum } from '../../../src/core/record/checksum.ts'
import { encodeBatch } from '../../../src/core/record/index.ts'
import { JoinedChecksum } from '../../../src/core/record/joined-checksum.ts'
import { RunCheck } from '../../../src/core/record/run-check.ts'

test('the CRC of bytes that follow one another is that of all of them', () => {
  const parts = fc.array(fc.record({ bytes: fc.uint8Array({ maxLength: 300 }), isKnown: fc.boolean() }))
  fc.assert(
    fc.property(parts, all => {
      const joined = new JoinedChecksum()
      for (const { bytes, isKnown } of all) {
        if (isKnown) joined.addKnown(checksum(bytes, 0, bytes.length) | 0, bytes.length)
        else joined.addBytes(bytes, 0, bytes.length)
      }
      const whole = Buffer.concat(all.map(({ bytes }) => bytes))
      expect(joined.value).toBe(checksum(whole, 0, whole.length))
    }),
    { numRuns: 500 },
  )
  const long = Buffer.alloc(2 ** 21 - 1, 'the tide ')
  const joined = new JoinedChecksum()
  joined.addBytes(long, 0, 3)
  joined.addKnown(checksum(long, 3, long.length), long.length - 3)
  expect(joined.value).toBe(checksum(long, 0, long.length))
})

/** Of each batch what a check throws, if anything. */
function told(bytes: Uint8Array, check: (position: number, sizeBytes: number) => unknown): string[] {
  const all: string[] = []
  for (let position = 0; position + RECORDS_AT <= bytes.length; ) {
    try {
      const size = batchSizeBytes(bytes, position)
      check(position, size)
      all.push('sound')
      position += size
    } catch (error) {
      return [...all, String(error)]
    }
  }
  return all
}

const runs = fc
  .array(fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 0, max: 300 }) }, fc.constant(5_000)), {
    minLength: 1,
    maxLength: 40,
  })
  .map(sizes =>
    sizes.map(size =>
      encodeBatch([{ value: Buffer.alloc(size, 'flow and ebb; ') }], { nowMs: 1_750_000_000_000 }),
    ),
  )

const damages = fc.array(
  fc.record({
    batch: fc.nat(),
    at: fc.oneof(fc.integer({ min: 0, max: RECORDS_AT + 10 }), fc.nat()),
    value: fc.integer({ min: 0, max: 255 }),
    isSealed: fc.boolean(),
  }),
  { maxLength: 3 },
)

test('what is sound in a run and what is not is the same as batch by batch, to the word', () => {
  fc.assert(
    fc.property(
      runs,
      damages,
      fc.nat({ max: 40_000 }),
      fc.nat({ max: 80 }),
      (batches, changes, until, missing) => {
        for (const { batch, at, value, isSealed } of changes) {
          const damaged = batches[batch % batches.length]!
          damaged[at % damaged.length] = value
          if (isSealed) writeInt32(damaged, CRC_AT, batchChecksum(damaged, 0, damaged.length))
        }
        const whole = Buffer.concat(batches)
        const bytes = whole.subarray(0, whole.length - missing)
        const together = new RunCheck(bytes)
        expect(told(bytes, (position, size) => together.check(position, size, until))).toEqual(
          told(bytes, position => checkBatch(bytes, position)),
        )
      },
    ),
    { numRuns: 2_000 },
  )
})

test('damages that would cancel each other out in a plain sum do not', () => {
  const batches = Array.from({ length: 8 }, () =>
    encodeBatch([{ value: Buffer.alloc(50, 'x') }], { nowMs: 1 }),
  )
  for (const damaged of [batches[2]!, batches[5]!]) damaged[RECORDS_AT + 20]! ^= 1
  const bytes = Buffer.concat(batches)
  const together = new RunCheck(bytes)
  const all = told(bytes, (position, size) => together.check(position, size, bytes.length))
  expect([all.length, all[1], all[2]]).toEqual([3, 'sound', expect.stringContaining('CRC-32C')])
})
