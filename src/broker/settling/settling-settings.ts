import {
  CLEANER_MAP_BYTES,
  EPOCH_INTERVAL_MS,
  GARBAGE_GRACE_MS,
  HOT_TAIL_BYTES,
  MAINTENANCE_LEASE_MS,
  MERGE_SEGMENTS_MAX,
  MERGE_SEGMENTS_MIN,
  RESWEEP_MS,
  ROLL_AGED_BYTES,
  ROLL_AGED_MS,
  ROLL_BYTES,
  ROLL_ENTRIES,
  ROLL_YOUNG_MS,
  ROUND_INTERVAL_MS,
} from '../../core/limits.ts'

/** When a log settles, and how long what it leaves behind stays: each is the limit of its name unless it is set. */
export interface SettlingSettings {
  /** Bytes in blocks that are rolled. */
  readonly rollBytes: number
  /** Entries that are rolled, as far as the process that appends knows. */
  readonly rollEntries: number
  /** Bytes that are rolled once `rollAgedMs` have passed since the last time. */
  readonly rollAgedBytes: number
  readonly rollAgedMs: number
  /** What is younger is left, unless a round wants it. */
  readonly rollYoungMs: number
  /** What topics' `segment.bytes` count for at most; as it is unless set. */
  readonly segmentBytes?: number
  readonly mergeSegmentsMin: number
  readonly mergeSegmentsMax: number
  /** How long an object stays that nothing needs any more. */
  readonly graceMs: number
  /** How long an epoch of ingest objects lasts at least. */
  readonly advanceMs: number
  /** How often all partitions are asked to drain the epochs that are over. */
  readonly roundMs: number
  /** How long a process that has died keeps others of its store from maintaining it, at most about twice. */
  readonly leaseMs: number
  /** When what was deleted is looked for once more. */
  readonly resweepMs: number
  /** The table of keys of one pass of compaction. */
  readonly mapBytes: number
  /** The newest batches that a process keeps in memory for its readers. */
  readonly hotTailBytes: number
}

const DEFAULTS: SettlingSettings = {
  rollBytes: ROLL_BYTES,
  rollEntries: ROLL_ENTRIES,
  rollAgedBytes: ROLL_AGED_BYTES,
  rollAgedMs: ROLL_AGED_MS,
  rollYoungMs: ROLL_YOUNG_MS,
  mergeSegmentsMin: MERGE_SEGMENTS_MIN,
  mergeSegmentsMax: MERGE_SEGMENTS_MAX,
  graceMs: GARBAGE_GRACE_MS,
  advanceMs: EPOCH_INTERVAL_MS,
  roundMs: ROUND_INTERVAL_MS,
  leaseMs: MAINTENANCE_LEASE_MS,
  resweepMs: RESWEEP_MS,
  mapBytes: CLEANER_MAP_BYTES,
  hotTailBytes: HOT_TAIL_BYTES,
}

/** The settings with what is set among them. */
export function settlingSettings(set: Partial<SettlingSettings> = {}): SettlingSettings {
  return { ...DEFAULTS, ...set }
}
