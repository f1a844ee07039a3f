import { TidemarkError } from '../../errors.ts'
import { BATCH_BYTES_MAX } from '../../limits.ts'
import type { Offset } from '../../numbers.ts'
import { type BatchHeader, readBatchHeader, rewriteBatch } from '../../record/batch-header.ts'
import { compress } from '../../record/compression.ts'
import { plainRecords, type RawRecord, RawRecords, withDelta } from '../../record/raw-records.ts'
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
  let plain: Uint8Array
  try {
    plain = plainRecords(header, bytes, position)
    // To its end, before any of its keys is noted: they would take the place of records that stand in earlier batches.
    const records = new RawRecords(header, plain)
    while (records.next());
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error
    return true
  }
  const records = new RawRecords(header, plain)
  for (let record = records.next(); record; record = records.next()) {
    if (record.key !== null && !map.put(record.key, record.offset)) return false
  }
  return true
}

/**
 * What is left of a batch: its own bytes where all stays, or where its records cannot be read; a shorter batch, with the same
 * offsets; or nothing. In rare cases more than one batch, one behind the other: where what is left does not compress as well as
 * it did, and has grown above what a batch may have.
 * @param position of a batch that was checked, with its final offset
 * @param keeps asked of each record in turn, which is the same object each time
 * @param kept for whoever cleans many batches; what is in it before does not matter
 */
export function cleanBatch(
  bytes: Uint8Array,
  position: number,
  keeps: (record: RawRecord) => boolean,
  kept: KeptRecords = new KeptRecords(),
): Uint8Array | undefined {
  const header = readBatchHeader(bytes, position)
  const own = bytes.subarray(position, position + header.sizeBytes)
  if (header.isControl) return own
  let plain: Uint8Array
  try {
    plain = plainRecords(header, bytes, position)
    kept.begin(header.recordCount)
    const records = new RawRecords(header, plain)
    for (let record = records.next(); record; record = records.next()) if (keeps(record)) kept.add(record)
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error
    return own
  }
  if (kept.length === header.recordCount) return own
  return kept.length === 0 ? undefined : batchOf(own, header, plain, kept, 0, kept.length)
}

/**
 * Records that stay: in columns, since there may be a million of them, and in the same ones for each batch, since they would be
 * more to be collected than all else that a pass makes.
 */
export class KeptRecords {
  length = 0
  offsets = new Float64Array()
  timestampsMs = new Float64Array()
  starts = new Int32Array()
  ends = new Int32Array()

  add({ offset, timestampMs, start, end }: RawRecord): void {
    const at = this.length++
    this.offsets[at] = offset
    this.timestampsMs[at] = timestampMs
    this.starts[at] = start
    this.ends[at] = end
  }

  /** Begins anew, with room for so many. */
  begin(records: number): void {
    this.length = 0
    if (records <= this.offsets.length) return
    const room = Math.max(records, 2 * this.offsets.length)
    this.offsets = new Float64Array(room)
    this.timestampsMs = new Float64Array(room)
    this.starts = new Int32Array(room)
    this.ends = new Int32Array(room)
  }
}

/** Of the records that stay, those from one to another. */
function batchOf(
  own: Uint8Array,
  header: BatchHeader,
  plain: Uint8Array,
  kept: KeptRecords,
  from: number,
  to: number,
): Uint8Array {
  // The first one keeps its base, and with it its records as they are.
  const baseOffset = from === 0 ? header.baseOffset : kept.offsets[from]!
  const parts = from === 0 ? slices(plain, kept, to) : shifted(plain, kept, from, to)
  const isAppendTime = header.timestampType === 'LogAppendTime'
  let maxTimestamp = isAppendTime ? header.maxTimestamp : Number.NEGATIVE_INFINITY
  for (let at = from; at < to; at++) maxTimestamp = Math.max(maxTimestamp, kept.timestampsMs[at]!)
  // Copied once where nothing is compressed.
  const isPlain = header.compression === 'none'
  const records = isPlain ? parts : [compress(header.compression, Buffer.concat(parts))]
  const batch = rewriteBatch(own, records, {
    baseOffset,
    lastOffset: kept.offsets[to - 1]!,
    recordCount: to - from,
    maxTimestamp,
  })
  if (batch.length <= BATCH_BYTES_MAX || to - from === 1) return batch
  const middle = (from + to) >> 1
  return Buffer.concat([
    batchOf(own, header, plain, kept, from, middle),
    batchOf(own, header, plain, kept, middle, to),
  ])
}

/** The bytes of the first records that stay, as they are: neighbours together. */
function slices(plain: Uint8Array, { starts, ends }: KeptRecords, to: number): Uint8Array[] {
  const parts: Uint8Array[] = []
  let start = starts[0]!
  for (let at = 0; at < to; at++) {
    if (at + 1 < to && starts[at + 1] === ends[at]) continue
    parts.push(plain.subarray(start, ends[at]))
    // Behind the last one stands what is left of another batch.
    if (at + 1 < to) start = starts[at + 1]!
  }
  return parts
}

/** The bytes of these records, with their deltas counted from the first of them. */
function shifted(
  plain: Uint8Array,
  { starts, ends, offsets }: KeptRecords,
  from: number,
  to: number,
): Uint8Array[] {
  const parts: Uint8Array[] = []
  for (let at = from; at < to; at++) {
    parts.push(withDelta(plain, starts[at]!, ends[at]!, offsets[at]! - offsets[from]!))
  }
  return parts
}
