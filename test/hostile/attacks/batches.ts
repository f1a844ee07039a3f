import { encodeBatch } from '../../../src/core/record/index.ts'

const MB = 1_000_000
/** What one small batch of the attacks inflates to. */
export const INFLATED_BYTES = 80 * MB

/**
 * One record: some 3.5 KB as it is stored, 80 MB as it is read; or several of another size. With `untilMs`, a small one of
 * that time behind them.
 */
export function inflatingBatch({
  nowMs = Date.now(),
  untilMs,
  records = 1,
  recordBytes = INFLATED_BYTES,
}: {
  nowMs?: number
  untilMs?: number
  records?: number
  recordBytes?: number
} = {}): Uint8Array {
  const large = { value: Buffer.alloc(recordBytes) }
  const last = untilMs === undefined ? [] : [{ value: null, timestampMs: untilMs }]
  return encodeBatch([...Array.from({ length: records }, () => large), ...last], {
    nowMs,
    compression: 'zstd',
  })
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
