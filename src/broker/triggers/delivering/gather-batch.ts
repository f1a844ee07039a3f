import { TidemarkError } from '../../../core/errors.ts'
import { EVENT_BYTES_MAX, TRIGGER_PASSED_RECORDS_MAX } from '../../../core/limits.ts'
import { type Offset, toOffset } from '../../../core/numbers.ts'
import { BatchBuilder } from '../../../core/trigger/batch.ts'
import { encodeRecord, isBeyondEvents } from '../../../core/trigger/event.ts'
import type { Trigger } from '../../../core/trigger/trigger.ts'
import type { RecordReader } from './record-reader.ts'

export interface Gathered {
  readonly batch: BatchBuilder
  /** Everything before this offset is dealt with once the batch is. */
  readonly end: Offset
  /** Whether the log ends there and the batch is not full, so that more may come to it. */
  readonly isAtLogEnd: boolean
}

export interface GatherFrom {
  readonly position: Offset
  /** Where a batch that is failing ends; null: there is none. */
  readonly bound: Offset | null
  /** Of an event without records. */
  readonly emptyBytes: number
  readonly nowMs: number
}

/**
 * Collects the next batch; where something cannot be read, what comes before it is a batch by itself.
 * @throws TidemarkError as RecordReader.readOn
 */
export async function gatherBatch(
  reader: RecordReader,
  { topic, settings }: Pick<Trigger, 'topic' | 'settings'>,
  partition: number,
  { position, bound, emptyBytes, nowMs }: GatherFrom,
): Promise<Gathered> {
  const { batchSize, maxRecordAgeMs } = settings
  const limits = { records: batchSize, bytes: EVENT_BYTES_MAX, emptyBytes, end: bound, maxRecordAgeMs }
  const batch = new BatchBuilder(limits, nowMs)
  for (let taken = 0; ; ) {
    const next = reader.upcoming[taken]
    if (next) {
      // One that is given up unseen is written out only where that is told, and may be a hundred megabytes.
      if (!isBeyondEvents(next.record)) next.encoded ??= encodeRecord(topic, partition, next.record)
      if (!batch.add(next.record, next.encoded)) {
        // Where the first one lies beyond the bound, what is left before it fits no filter.
        const end = bound !== null && next.record.offset >= bound ? bound : next.record.offset
        return { batch, end, isAtLogEnd: false }
      }
      taken += 1
      if (!batch.isFull) continue
    }
    const endNow = () => {
      const follower = reader.upcoming[taken]?.record.offset ?? reader.readTo
      return bound === null ? follower : toOffset(Math.min(bound, follower))
    }
    const end = endNow()
    const passed = end - (batch.records.at(-1)?.offset ?? position)
    if (batch.isFull || end === bound || passed >= TRIGGER_PASSED_RECORDS_MAX) {
      return { batch, end, isAtLogEnd: false }
    }
    try {
      // It may have passed offsets without records, up to the log's end.
      if (!(await reader.readOn())) return { batch, end: endNow(), isAtLogEnd: true }
    } catch (error) {
      // What is before the trouble goes first; then it is met again.
      if (end === position || !(error instanceof TidemarkError)) throw error
      return { batch, end, isAtLogEnd: false }
    }
  }
}
