import { TidemarkError } from '../../errors.ts'
import { BATCH_BYTES_MAX } from '../../limits.ts'
import { type Offset, toOffset } from '../../numbers.ts'
import { type BatchHeader, readBatchHeader, rewriteBatch } from '../../record/batch-header.ts'
import { compress } from '../../record/compression.ts'
import { plainRecords, type RawRecord, rawRecords, withDelta } from '../../record/raw-records.ts'
import type { KeyMap } from './key-map.ts'

/** What a pass of the cleaner knows of the record that it decides on. */
export interface CleanedPass {
  /** What lies from here on is not cleaned. */
  readonly cleanTo: Offset
  /** The log's last record, which stays in any case, so that no log ends in a hole. */
  readonly lastOffset: Offset
  /** Whether tombstones have stood here for long enough: what they cover was removed by an earlier pass. */
  readonly dropsTombstones: boolean
}

/** Why a record goes: a later one of its key, a tombstone whose time is over, no key. */
export function keepsRecord(record: RawRecord, map: KeyMap, pass: CleanedPass): boolean {
  const { offset, key, isTombstone } = record
  if (offset >= pass.cleanTo || offset === pass.lastOffset) return true
  if (key === null) return false
  const latest = map.latest(key)
  if (latest !== undefined && latest > offset) return false
  return !(isTombstone && pass.dropsTombstones)
}

/**
 * Notes the keys of a batch in the map. What cannot be read has none: it stays as it is.
 * @returns false where the map has no room for one of them: it may have those before
 */
export function mapKeys(map: KeyMap, bytes: Uint8Array, position: number): boolean {
  const header = readBatchHeader(bytes, position)
  if (header.isControl) return true
  try {
    for (const { key, offset } of rawRecords(header, plainRecords(header, bytes, position))) {
      if (key !== null && !map.put(key, offset)) return false
    }
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error
  }
  return true
}

/**
 * What is left of a batch: its own bytes where all stays, or where its records cannot be read; a shorter batch, with the same
 * offsets; or nothing. In rare cases more than one batch, one behind the other: where what is left does not compress as well as
 * it did, and has grown above what a batch may have.
 * @param position of a batch that was checked, with its final offset
 */
export function cleanBatch(
  bytes: Uint8Array,
  position: number,
  keeps: (record: RawRecord) => boolean,
): Uint8Array | undefined {
  const header = readBatchHeader(bytes, position)
  const own = bytes.subarray(position, position + header.sizeBytes)
  if (header.isControl) return own
  let plain: Uint8Array
  const kept: RawRecord[] = []
  try {
    plain = plainRecords(header, bytes, position)
    for (const record of rawRecords(header, plain)) if (keeps(record)) kept.push(record)
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error
    return own
  }
  if (kept.length === header.recordCount) return own
  return kept.length === 0 ? undefined : batchOf(own, header, plain, kept, toOffset(header.baseOffset))
}

/** @param baseOffset where it is another than the batch had, deltas are counted from it anew */
function batchOf(
  own: Uint8Array,
  header: BatchHeader,
  plain: Uint8Array,
  kept: readonly RawRecord[],
  baseOffset: Offset,
): Uint8Array {
  const shift = baseOffset - header.baseOffset
  const parts = kept.map(record =>
    shift === 0
      ? plain.subarray(record.start, record.end)
      : withDelta(plain, record, record.offset - baseOffset),
  )
  const payload = compress(header.compression, Buffer.concat(parts))
  const isAppendTime = header.timestampType === 'LogAppendTime'
  const batch = rewriteBatch(own, payload, {
    baseOffset,
    lastOffset: kept.at(-1)!.offset,
    recordCount: kept.length,
    maxTimestamp: isAppendTime ? header.maxTimestamp : latestOf(kept),
  })
  if (batch.length <= BATCH_BYTES_MAX || kept.length === 1) return batch
  const middle = kept.length >> 1
  return Buffer.concat([
    batchOf(own, header, plain, kept.slice(0, middle), baseOffset),
    batchOf(own, header, plain, kept.slice(middle), kept[middle]!.offset),
  ])
}

function latestOf(records: readonly RawRecord[]): number {
  return records.reduce((latest, { timestampMs }) => Math.max(latest, timestampMs), Number.NEGATIVE_INFINITY)
}
