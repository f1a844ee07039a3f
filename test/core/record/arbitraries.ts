import fc from 'fast-check'
import type { RecordHeader, RecordInput } from '../../../src/core/record/index.ts'

export const COMPRESSIONS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

const bytes = fc.uint8Array({ maxLength: 300 })
const nullableBytes = fc.option(bytes, { nil: null })
// Well-formed: UTF-8 has no place for a lone surrogate.
const text = fc.string({ unit: 'binary', maxLength: 80 })

const header: fc.Arbitrary<RecordHeader> = fc.record({ key: text, value: nullableBytes })

export const timestamp = fc.oneof(
  fc.integer({ min: 1_700_000_000_000, max: 1_700_000_100_000 }),
  fc.nat({ max: Number.MAX_SAFE_INTEGER }),
)

export const record: fc.Arbitrary<Required<RecordInput>> = fc.record({
  key: nullableBytes,
  value: nullableBytes,
  headers: fc.array(header, { maxLength: 4 }),
  timestampMs: timestamp,
})

export const records = fc.array(record, { minLength: 1, maxLength: 40 })
