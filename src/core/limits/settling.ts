import { TABLE_ITEM_BYTES_MAX } from './aws.ts'
import {
  BATCH_BYTES_MAX,
  FETCH_BYTES_MAX,
  FETCH_WAIT_MS_MAX,
  FLUSH_SCAN_INTERVAL_MS,
  LOCATED_URL_LIFETIME_MS,
  MARK_INTERVAL_BYTES,
  PRODUCE_DEADLINE_MS,
} from './log.ts'
import { assert, KiB, MiB } from './units.ts'

// Segments of one partition.

/** Kafka's bounds and ours for `segment.bytes`: what a segment's batches have at most, but for one larger entry. */
export const SEGMENT_DEFAULT_BYTES = 256 * MiB
export const SEGMENT_BYTES_MIN = 14
export const SEGMENT_BYTES_MAX = 2 ** 31 - 1
/** Bytes in blocks that are rolled, or that many entries, as far as the process that appends knows. */
export const ROLL_BYTES = 64 * MiB
export const ROLL_ENTRIES = 512
/** Fewer bytes are rolled too, once that much time has passed. */
export const ROLL_AGED_BYTES = MiB
export const ROLL_AGED_MS = 15 * 60_000
/** Entries that are younger are left, unless a round wants them: a retry may still look for itself. */
export const ROLL_YOUNG_MS = 30_000
/** So many rolled segments are merged however small they are, and so many at most at once. */
export const MERGE_SEGMENTS_MIN = 16
export const MERGE_SEGMENTS_MAX = 64
/** What is merged spans so much time at most, or this part of `retention.ms`, so that merging keeps nothing back from retention. */
export const MERGE_SPAN_MS_MIN = 60 * 60_000
export const MERGE_SPANS_PER_RETENTION = 8
/** How often a byte is written: once as it came, once rolled, once merged. */
export const SEGMENT_WRITES_MAX = 3
/** Segments of one partition for which the set hash stays a whole number that doubles can tell. */
export const SEGMENTS_MAX = 2 ** 21
/** Segments that are read together, where many are. */
export const SEGMENTS_READ_MAX = 1_000
/** The footer has the place of a batch about every so many bytes, and so many places at most. */
export const SEGMENT_MARK_BYTES = 64 * KiB
export const SEGMENT_MARKS_MAX = 4_096
/** Idempotent producers that a footer tells of: the latest. */
export const FOOTER_PRODUCERS_MAX = 1_000
/** Footers that a process keeps. */
export const FOOTER_CACHE_BYTES = 4 * MiB
/** Up to here a segment is read from its beginning rather than that its footer is looked at. */
export const FOOTER_SPARED_BYTES = MiB
/** What is copied of a log is read in such pieces, so many ahead. */
export const RUN_READ_BYTES = 4 * MiB
export const RUN_READS_AHEAD_MAX = 2
/** Objects that do not fit into memory go up in such parts, so many at a time. */
export const OBJECT_PART_BYTES = 8 * MiB
export const OBJECT_PARTS_PARALLEL_MAX = 2
/** AWS: parts of one object. */
export const OBJECT_PARTS_MAX = 10_000
/** AWS: objects that one request removes. */
export const OBJECT_REMOVALS_MAX = 1_000

// Compaction.

/** The table of keys of one pass: 31 bytes a key, so half a million and some. A pass for more keys than that is followed by another. */
export const CLEANER_MAP_BYTES = 16 * MiB

// Ingest epochs.

/** How long an epoch lasts at least. */
export const EPOCH_INTERVAL_MS = 60 * 60_000
/** Epochs that may begin behind the last one in which anything was written. */
export const EPOCHS_AHEAD_MAX = 2
/** The newest epochs, which no round drains. */
export const EPOCHS_KEPT = 2
/** How long a process trusts what it knows of the epoch. */
export const EPOCH_CACHE_MS = 60_000
/** How often a call brings its bytes anew because of the floor before it is given up. */
export const EPOCH_TRIES_MAX = 3
/** How often all partitions are asked to drain what is old. */
export const ROUND_INTERVAL_MS = 24 * 60 * 60_000
/** Partitions that a round could not drain, as many as are remembered by name. */
export const STUCK_PARTITIONS_MAX = 100
/** A round that is so late is told as a failure. */
export const ROUND_LATE_MS = 3 * 24 * 60 * 60_000

// Garbage.

/** How long an object stays that nothing needs any more: whoever read the index before may still read it. */
export const GARBAGE_GRACE_MS = 60 * 60_000
/** The same on AWS, so that a table can be restored to an earlier point and still find its objects. */
export const RECOVERY_WINDOW_DEFAULT_MS = 24 * 60 * 60_000
/** When what was deleted is looked for once more. */
export const RESWEEP_MS = 24 * 60 * 60_000
/** Kafka's `offsets.retention.minutes`: how long a group without members keeps what it committed. */
export const OFFSETS_RETENTION_MS = 10_080 * 60_000

// The work itself.

/** Heads that are read or changed at the same time. */
export const HEADS_PARALLEL_MAX = 32
/** In the background a pause follows each piece, so many times as long as the processor worked on it… */
export const SETTLING_PIECE_BYTES = MiB
export const SETTLING_PAUSES = 10
/** …unless more than so many segments wait. */
export const SETTLING_BACKLOG_SEGMENTS_MAX = 4
/** A partition with more that has not settled is told as a failure. */
export const SETTLING_BACKLOG_BYTES_MAX = 1024 * MiB
/** How long whoever maintains a store keeps others from it without saying so again. */
export const MAINTENANCE_LEASE_MS = 3 * 60_000
/** Functions that maintain a store at the same time: each has its part of the partitions. */
export const MAINTENANCE_LANES = 4
/** How often one process wakes them at most, and with how many partitions. */
export const MAINTENANCE_WAKE_MS = 60_000
export const MAINTENANCE_WAKE_PARTITIONS_MAX = 1_000
/** Their keys are as long as somebody likes: so many of the longest fit into a call of 256 KB, each character written as an escape of six bytes. */
export const MAINTENANCE_WAKE_TRANSACTIONS_MAX = 150

// Reading.

/** The newest batches that a process keeps in memory. */
export const HOT_TAIL_BYTES = 16 * MiB
/** How often a read begins anew that met with what was moved meanwhile. */
export const READ_AGAIN_MAX = 5

// Looking inside.

/** What a look for lost objects remembers of those that are referred to. */
export const VERIFY_IDS_BYTES_MAX = 64 * MiB
/** An index that is made anew goes on at the next multiple, so that no offset is given twice. */
export const REBUILD_OFFSETS_STEP = 1_000_000_000

assert(
  SEGMENT_BYTES_MIN <= SEGMENT_DEFAULT_BYTES && SEGMENT_DEFAULT_BYTES <= SEGMENT_BYTES_MAX,
  'the default segment size is allowed',
)
assert(ROLL_BYTES <= SEGMENT_DEFAULT_BYTES, 'a segment can take what is rolled at once')
assert(ROLL_AGED_BYTES <= ROLL_BYTES, 'what has aged is rolled sooner')
assert(
  PRODUCE_DEADLINE_MS < ROLL_YOUNG_MS && ROLL_YOUNG_MS < ROLL_AGED_MS,
  'a producer that tries again finds itself in the tail or in a block',
)
assert(
  ROLL_AGED_MS <= EPOCH_INTERVAL_MS,
  'what is written moderately often has settled before a round wants it',
)
assert(MERGE_SEGMENTS_MIN <= MERGE_SEGMENTS_MAX, 'enough to be merged is not too much')
assert(
  SEGMENTS_MAX * 2 ** 32 <= Number.MAX_SAFE_INTEGER + 1,
  'the set hash is a sum of so many numbers of 32 bits',
)
assert(
  SEGMENT_DEFAULT_BYTES / SEGMENT_MARK_BYTES <= SEGMENT_MARKS_MAX,
  'a segment of the usual size has all of its marks',
)
assert(SEGMENT_MARK_BYTES <= MARK_INTERVAL_BYTES, 'a segment is read from as near by as a commit')
assert(BATCH_BYTES_MAX <= RUN_READ_BYTES, 'any batch fits into a piece that is copied')
assert(RUN_READ_BYTES <= FETCH_BYTES_MAX, 'a copy reads no more at once than a fetch')
assert(OBJECT_PART_BYTES >= 5 * MiB, 'AWS: no part but the last is smaller')
assert(BATCH_BYTES_MAX <= OBJECT_PART_BYTES, 'any batch fits into a part')
assert(
  SEGMENT_BYTES_MAX / OBJECT_PART_BYTES < OBJECT_PARTS_MAX,
  'a segment has no more parts than an object may have',
)
assert(
  GARBAGE_GRACE_MS > LOCATED_URL_LIFETIME_MS + FETCH_WAIT_MS_MAX,
  'a located range can be read until its URL expires, also one that a waiting fetch hands out',
)
assert(GARBAGE_GRACE_MS <= RECOVERY_WINDOW_DEFAULT_MS, 'on AWS no less time is left')
assert(EPOCHS_KEPT >= 2, 'a writer that trusts what it knew an epoch ago is not refused')
assert(EPOCH_CACHE_MS + PRODUCE_DEADLINE_MS < EPOCH_INTERVAL_MS, 'nor is one whose upload takes long')
assert(EPOCH_INTERVAL_MS * EPOCHS_KEPT < ROUND_INTERVAL_MS, 'a round drains what the one before left')
assert(ROUND_INTERVAL_MS < ROUND_LATE_MS, 'one round that fails is not late yet')
assert(MAINTENANCE_WAKE_MS < MAINTENANCE_LEASE_MS, 'a lease is renewed in time')
assert(FLUSH_SCAN_INTERVAL_MS < ROLL_AGED_MS, 'all heads are looked at before what they have is old')
assert(TABLE_ITEM_BYTES_MAX > STUCK_PARTITIONS_MAX * 300, 'the names of stuck partitions fit into an item')
