import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkBatch } from '../../../src/core/record/batch-header.ts'
import { CRC_AT, RECORDS_AT, writeInt32 } from '../../../src/core/record/batch-layout.ts'
import { batchChecksum } from '../../../src/core/record/checksum.ts'
import { encodeBatch } from '../../../src/core/record/index.ts'
import { checkSound } from '../../../src/core/record/sound-batch.ts'

/** What a check throws, if anything. */
function told(check: () => unknown): string | undefined {
  try {
    check()
    return undefined
  } catch (error) {
    return String(error)
  }
}

const batches = fc
  .record({
    records: fc.integer({ min: 1, max: 5 }),
    compression: fc.constantFrom('none' as const, 'gzip' as const, 'zstd' as const),
    before: fc.integer({ min: 0, max: 70 }),
  })
  .map(({ records, compression, before }) => {
    const batch = encodeBatch(
      Array.from({ length: records }, () => ({ value: Buffer.from('ebb') })),
      { nowMs: 1_750_000_000_000, compression },
    )
    return { bytes: Buffer.concat([Buffer.alloc(before), batch]), position: before }
  })

const changes = fc.array(
  fc.record({
    at: fc.integer({ min: 0, max: RECORDS_AT + 10 }),
    value: fc.oneof(fc.constantFrom(0, 1, 0x1f, 0x20, 0x7f, 0x80, 0xff), fc.integer({ min: 0, max: 255 })),
  }),
  { maxLength: 4 },
)

test('what is sound and what is not is the same as by the whole check, to the word', () => {
  const cut = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 80 }))
  fc.assert(
    fc.property(batches, changes, cut, fc.boolean(), ({ bytes, position }, changed, missing, isSealed) => {
      const size = bytes.length - position
      for (const { at, value } of changed) bytes[position + at] = value
      // Else nearly all that is found would be the CRC.
      if (isSealed) writeInt32(bytes, position + CRC_AT, batchChecksum(bytes, position, size))
      const given = bytes.subarray(0, bytes.length - missing)
      expect(told(() => checkSound(given, position))).toBe(told(() => checkBatch(given, position)))
    }),
    { numRuns: 3_000 },
  )
})

test('a batch that is followed by others is looked at alone', () => {
  const batch = encodeBatch([{ value: Buffer.from('flow') }], { nowMs: 1 })
  expect(told(() => checkSound(Buffer.concat([batch, Buffer.from('rest')]), 0))).toBe(undefined)
})
