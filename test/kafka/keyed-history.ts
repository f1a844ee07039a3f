import type { CompressionName } from '../../src/core/record/compression-name.ts'
import type { Entropy } from '../../src/ports/entropy.ts'

export interface KeyedRecord {
  readonly key: string
  /** null: a tombstone. */
  readonly value: string | null
  readonly timestampMs: number
}

/** Records that are produced as one batch. */
export interface KeyedBatch {
  readonly compression: CompressionName
  readonly records: readonly KeyedRecord[]
}

export interface HistoryShape {
  readonly batches: number
  /** Keys that are drawn from; some come far more often than others. */
  readonly keys: number
  /** Which part of the records are tombstones. */
  readonly tombstones: number
  readonly recordsMax: number
  readonly valueBytesMax: number
  readonly timestampMs: number
  readonly codecs: readonly CompressionName[]
}

export const ALL_CODECS: readonly CompressionName[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

const SHAPE: HistoryShape = {
  batches: 20,
  keys: 30,
  tombstones: 0.15,
  recordsMax: 8,
  valueBytesMax: 60,
  timestampMs: 1_750_000_000_000,
  codecs: ALL_CODECS,
}

/** A random history of keys and values. Every value is another one, so that none is taken for another. */
export function keyedHistory(entropy: Entropy, shape: Partial<HistoryShape> = {}): KeyedBatch[] {
  const { batches, keys, tombstones, recordsMax, valueBytesMax, timestampMs, codecs } = { ...SHAPE, ...shape }
  const below = (limit: number) => Math.floor(entropy.fraction() * limit)
  let values = 0
  const recordAt = (index: number): KeyedRecord => {
    values += 1
    const value = `${values}`.padEnd(below(valueBytesMax), `${below(10)}`)
    return {
      // The product of two draws is small more often than it is large.
      key: `key-${below(below(keys) + 1)}`,
      value: entropy.fraction() < tombstones ? null : value,
      timestampMs: timestampMs + index,
    }
  }
  return Array.from({ length: batches }, (_, index) => ({
    compression: codecs[below(codecs.length)]!,
    records: Array.from({ length: 1 + below(recordsMax) }, () => recordAt(index)),
  }))
}
