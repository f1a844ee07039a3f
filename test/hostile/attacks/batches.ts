import { encodeBatch } from '../../../src/core/record/index.ts'

const MB = 1_000_000
/** What one small batch of the attacks inflates to. */
const INFLATED_BYTES = 80 * MB

/** One record: some 3.5 KB as it is stored, 80 MB as it is read. With `untilMs`, a small one of that time behind it. */
export function inflatingBatch({
  nowMs = Date.now(),
  untilMs,
}: {
  nowMs?: number
  untilMs?: number
} = {}): Uint8Array {
  const large = { value: Buffer.alloc(INFLATED_BYTES) }
  const records = untilMs === undefined ? [large] : [large, { value: null, timestampMs: untilMs }]
  return encodeBatch(records, { nowMs, compression: 'zstd' })
}

/** As many records as a batch may have, each of a few bytes, stored as they are or compressed to almost nothing. */
export function tinyRecords(records: number, compression: 'none' | 'zstd' = 'none'): Uint8Array {
  const record = { value: Buffer.from('x') }
  return encodeBatch(
    Array.from({ length: records }, () => record),
    { nowMs: Date.now(), compression },
  )
}

/** One batch that is as large when it is stored as when it is read. */
export function incompressibleBatch(bytes: number): Uint8Array {
  return encodeBatch([{ value: Buffer.alloc(bytes, 'tide') }], { nowMs: Date.now() })
}
