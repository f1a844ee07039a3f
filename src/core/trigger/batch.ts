import { TRIGGER_CLOCK_BEHIND_MS_MAX } from '../limits.ts'
import type { Offset } from '../numbers.ts'
import type { TriggerRecord } from './trigger.ts'

export interface BatchLimits {
  readonly records: number
  /** Of the whole event, as JSON in UTF-8. */
  readonly bytes: number
  /** Of an event without records. */
  readonly emptyBytes: number
  /** Only records before this offset: a failing batch stays what it was. Null: no such bound. */
  readonly end: Offset | null
  readonly maxRecordAgeMs: number | null
}

/** What becomes of a batch: it is called, or given up unseen. */
export type BatchKind = 'to call' | 'too old' | 'too large'

/** Between two records of an event stands a comma. */
const SEPARATOR_BYTES = 1

/** Takes records in order for as long as they may share an event. Those that are given up unseen are not mixed with others. */
export class BatchBuilder {
  readonly records: TriggerRecord[] = []
  /** Each as it stands in the event; undefined where no event has room for it. */
  readonly encoded: (string | undefined)[] = []
  readonly #limits: BatchLimits
  readonly #nowMs: number
  #bytes: number
  #kind: BatchKind = 'to call'

  constructor(limits: BatchLimits, nowMs: number) {
    this.#limits = limits
    this.#nowMs = nowMs
    this.#bytes = limits.emptyBytes
  }

  /** Of a batch without records it means nothing. */
  get kind(): BatchKind {
    return this.#kind
  }

  /** Whether no record fits any more, whatever it is. */
  get isFull(): boolean {
    const isAlone = this.#kind === 'too large' && this.records.length > 0
    return this.records.length >= this.#limits.records || this.#bytes >= this.#limits.bytes || isAlone
  }

  /**
   * Takes the next record, or tells that the batch ends before it.
   * @param encoded undefined: no event has room for it
   */
  add(record: TriggerRecord, encoded: string | undefined): boolean {
    const { bytes, end } = this.#limits
    if (this.isFull || (end !== null && record.offset >= end)) return false
    const recordBytes =
      encoded === undefined ? Number.POSITIVE_INFINITY : Buffer.byteLength(encoded) + SEPARATOR_BYTES
    const kind = this.#kindOf(record, recordBytes)
    if (this.records.length > 0 && (kind !== this.#kind || this.#bytes + recordBytes > bytes)) return false
    this.#kind = kind
    this.#bytes += recordBytes
    this.records.push(record)
    this.encoded.push(encoded)
    return true
  }

  #kindOf({ timestampMs }: TriggerRecord, recordBytes: number): BatchKind {
    const { bytes, emptyBytes, maxRecordAgeMs } = this.#limits
    // A record without a timestamp (-1) has no age.
    const isOld = maxRecordAgeMs !== null && timestampMs >= 0 && this.#nowMs - timestampMs > maxRecordAgeMs
    if (isOld) return 'too old'
    return emptyBytes + recordBytes > bytes ? 'too large' : 'to call'
  }
}

/** How long a batch that is not full still waits for more records, in milliseconds; 0: it goes now. */
export function windowLeftMs(windowMs: number, waitingSinceMs: number, nowMs: number): number {
  // Who waits asks again after the window, so a wait that began in the future would end only when that has come.
  if (waitingSinceMs - nowMs > TRIGGER_CLOCK_BEHIND_MS_MAX) return 0
  // A clock that is behind the one that noted when the wait began makes no wait longer than the window.
  return Math.min(windowMs, Math.max(0, waitingSinceMs + windowMs - nowMs))
}
