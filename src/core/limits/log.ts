import { assert, KiB, MiB } from './units.ts'

// Topics.

/** Kafka's rule: 249 characters leave room for "-<partition>" in a 255 byte file name. */
export const TOPIC_NAME_CHARACTERS_MAX = 249
export const TOPIC_PARTITIONS_MAX = 10_000

/** Growths of a topic whose time is remembered, so that its item stays small. */
export const TOPIC_GROWTHS_MAX = 100
/** How long a process trusts what it knows of a topic before it asks again. */
export const TOPIC_CACHE_MS = 1_000
/**
 * How long a topic may be in the making before whoever wants its name takes it for left behind: long for one whose
 * maker lives. Too short does no harm but work: who is made to begin anew begins with another id.
 */
export const MAKING_PATIENCE_MS = 5_000
/** The same for whoever only tidies up, and wants nothing. */
export const MAKING_LEFT_MS = 60_000

// Record batches.

/** Kafka's default for `max.message.bytes`: the largest batch, header included, as stored. */
export const BATCH_BYTES_DEFAULT_MAX = MiB + 12
/** The largest value that `max.message.bytes` can be set to. */
export const BATCH_BYTES_MAX = 4 * MiB
/** What one batch may grow to when it is decompressed. */
export const DECOMPRESSED_BYTES_MAX = 128 * MiB
/** Records in one batch; Kafka's field is 31 bits wide, and this is far above any real producer. */
export const BATCH_RECORDS_MAX = 1_000_000
/** Frames that a batch may be compressed in; real producers write one, or one for each of their writes. */
export const BATCH_FRAMES_MAX = 10_000

// Produce.

/** The batches of one produce call. */
export const PRODUCE_BYTES_MAX = 4 * MiB
/** Below this sum, batches travel inline in the index entry: cheaper and faster than an object. */
export const INLINE_BYTES_MAX = 4 * KiB
/** What one commit gathers at most, over all its partitions; a single call may have more records. */
export const COMMIT_BYTES_MAX = 8 * MiB
export const COMMIT_RECORDS_MAX = 100_000
/** Commits whose upload may run at the same time; their index entries are written in order. */
export const COMMITS_IN_FLIGHT_MAX = 4
/** Bytes accepted and not yet acknowledged, in one process; above it a producer is told to come back. */
export const PRODUCE_IN_FLIGHT_BYTES_MAX = 64 * MiB
/** Calls accepted and not yet acknowledged, in one process: each costs memory beyond its bytes. */
export const PRODUCE_IN_FLIGHT_CALLS_MAX = 131_072
/** Partitions and topics that a process remembers something of, to save reads. */
export const PARTITIONS_REMEMBERED_MAX = 10_000
/** How long a produce call may take, all tries together, before it is given up. */
export const PRODUCE_DEADLINE_MS = 20_000
/** How long past a deadline a step is waited for that was begun before it; no step begins after it. */
export const LAST_STEP_MS_MAX = 5_000
/** The longest pause before another try; the first is BACKOFF_FIRST_MS, and both are only the upper end. */
export const BACKOFF_MS_MAX = 1_000
export const BACKOFF_FIRST_MS = 10

// The head and its tail.

/** Above this many entries the older part of the tail leaves for a block. */
export const TAIL_ENTRIES_SOFT_MAX = 16
/** Entries that stay in the tail after a flush by number or bytes, so that a retry finds itself there. */
export const TAIL_ENTRIES_KEPT = 8
/** Above this many inline bytes the older part of the tail leaves. */
export const TAIL_INLINE_SOFT_BYTES_MAX = 4 * KiB
/** Inline bytes that stay in the tail after such a flush: every append pays for each started KB. */
export const TAIL_INLINE_KEPT_BYTES_MAX = 2 * KiB
/**
 * Above this many inline bytes all of them leave for a block where each append pays for each started KB. The less, the more often
 * have other writers to try again.
 */
export const TAIL_INLINE_PAID_BYTES_MAX = 1.5 * KiB
/**
 * Where no process flushes in the background, the producer whose append reaches this many entries cuts the tail.
 * Higher than the soft limit: each cut makes other writers try again that have not appended since, so with many
 * of them few long cycles cost less than many short ones.
 */
export const TAIL_ENTRIES_SHARED_MAX = 64
/** A producer that meets these flushes before it appends. */
export const TAIL_ENTRIES_HARD_MAX = 128
export const TAIL_INLINE_HARD_BYTES_MAX = 64 * KiB
/** Entries of one block: its item stays far below 400 KB, and the update that cuts them off below 4 KB. */
export const BLOCK_ENTRIES_MAX = 256
/** Kafka's `flush.ms`: how old an inline entry may get before it moves to an object. */
export const FLUSH_DEFAULT_MS = 5_000
/** How long one flush in the background insists before it lets others have their turn. */
export const FLUSH_DEADLINE_MS = 10_000
/** How long a flush in the background tries to read heads: one that cannot be read, or slowly, leaves time for the others. */
export const FLUSH_READ_MS_MAX = 2_500
/** How long the answer to a producer that cuts a tail waits for the cut; what is left goes on without it, or waits for the next. */
export const FLUSH_BY_PRODUCER_MS = 2_000
/** How long a partition rests whose flush failed. */
export const FLUSH_FAILED_PAUSE_MS = 5_000
/** How long a clean shutdown goes on trying to move inline bytes into objects. */
export const CLOSE_DEADLINE_MS = 5_000
/** How often all heads are looked through for inline entries that no process has on its list. */
export const FLUSH_SCAN_INTERVAL_MS = 30_000
/** Partitions whose inline bytes one flush puts into a shared object. */
export const FLUSH_PARTITIONS_MAX = 256

// Idempotent producers.

/** Runs of a producer that have left the tail and can still be recognized one by one: Kafka's number. */
export const PRODUCER_ENTRIES_KEPT = 5
/** Producers with records in one entry: each takes part in the condition under which it is appended. */
export const ENTRY_PRODUCERS_MAX = 16
/** Calls of idempotent producers in one entry, which lists them: the head holds many entries. */
export const ENTRY_RUNS_MAX = 48
/**
 * Producers that a head knows while some of them are silent, and for how long it does: each makes every append's item
 * larger. One that has left the head and comes back costs about as much as 40 appends with it would have.
 */
export const PRODUCERS_KEPT_MAX = 16
export const PRODUCER_SILENT_MS_MAX = 60_000
/** How long a producer is remembered at least after its last record: Kafka's default for `producer.id.expiration.ms`. */
export const PRODUCER_REMEMBERED_MS = 24 * 60 * 60_000
/**
 * By how much clocks may be set ahead meanwhile, all together. Nobody can tell a day that has passed from a clock that was
 * set ahead by one, and nothing but room is lost by waiting.
 */
export const PRODUCER_CLOCK_STEP_MS_MAX = 3 * 24 * 60 * 60_000
/** How long after its last record a producer is forgotten, by clocks. */
export const PRODUCER_EXPIRATION_MS = PRODUCER_REMEMBERED_MS + PRODUCER_CLOCK_STEP_MS_MAX
/** Producers that one flush takes out of a head at most: each takes part in the condition of the cut. */
export const PRODUCERS_RETIRED_MAX = 64
/** Producers with records in one block: no more than a flush can take out, or a head would grow without end. */
export const BLOCK_PRODUCERS_MAX = 64
/** Producers of one partition whose items are written at the same time. */
export const PRODUCERS_PARALLEL_MAX = 32

// Reading.

/** An entry carries the place of a batch about every so many bytes, so that a read may start inside it. */
export const MARK_INTERVAL_BYTES = 64 * KiB
export const FETCH_DEFAULT_BYTES = MiB
export const FETCH_BYTES_MAX = 16 * MiB
export const FETCH_WAIT_MS_MAX = 30_000
/** Memory that answers are lent: what is smaller or larger is made for one. */
export const LENT_BYTES_MIN = 4 * KiB
export const LENT_BYTES_MAX = 4 * MiB
/** What is kept of it for other answers, by each server of a process. */
export const LENT_KEPT_BYTES_MAX = 8 * MiB
/** Places where reads have ended that a process remembers. */
export const PLACES_REMEMBERED_MAX = 1_000
/** Goes as a whole, so that what is small costs no memory of its own. They grow with what there is. */
export const HOT_PAGE_BYTES = 64 * KiB
export const HOT_PAGE_BYTES_MAX = MiB
/** About what it takes to know of an append, beside its bytes. */
export const HOT_RUN_BYTES = 128
/** Ranges that one fetch reads at the same time. */
export const READ_PARALLEL_MAX = 8
/** Blocks or segments that a fetch reads of the index at once, where each holds little. */
export const INDEX_READ_ITEMS_MAX = 128
/** Logs at whose ends one fetch looks at the same time. */
export const LOOKS_PARALLEL_MAX = 64
/** How long past a fetch's time its last look is waited for; else the one before counts. */
export const FETCH_LAST_LOOK_MS_MAX = 2_500
/** How often a waiting fetch looks for records that another process wrote. */
export const FETCH_POLL_INTERVAL_MS = 50
/** So often in all: where there are many logs, the looks at each are fewer. */
export const FETCH_LOOKS_PER_SECOND_MAX = 1_000
/** Where each look is paid for, the pause doubles while nothing comes, up to this. */
export const FETCH_POLL_PAID_INTERVAL_MS_MAX = 1_000
/** How long a located range's URL is valid. */
export const LOCATED_URL_LIFETIME_MS = 15 * 60_000

// Verifying.

/** An object this young may belong to a commit or a flush that is under way. */
export const ORPHAN_AGE_MS = 60_000

assert(MAKING_PATIENCE_MS < PRODUCE_DEADLINE_MS, 'a creation outlasts another one that was left behind')
assert(PRODUCE_DEADLINE_MS < MAKING_LEFT_MS, 'who tidies up leaves those alone who are at work')
assert(
  FLUSH_READ_MS_MAX + LAST_STEP_MS_MAX < FLUSH_DEADLINE_MS,
  'a head that is slow to read keeps no other from being flushed',
)
assert(BATCH_BYTES_DEFAULT_MAX <= BATCH_BYTES_MAX, 'the default batch size is allowed')
assert(BATCH_BYTES_MAX <= PRODUCE_BYTES_MAX, 'the largest batch fits into a produce call')
assert(PRODUCE_BYTES_MAX <= COMMIT_BYTES_MAX, 'one call fits into a commit')
assert(COMMIT_BYTES_MAX * COMMITS_IN_FLIGHT_MAX <= PRODUCE_IN_FLIGHT_BYTES_MAX, 'the commits can fill up')
assert(TAIL_ENTRIES_KEPT < TAIL_ENTRIES_SOFT_MAX, 'a flush by number takes something')
assert(TAIL_ENTRIES_SOFT_MAX < TAIL_ENTRIES_SHARED_MAX, 'a background task flushes before producers do')
assert(TAIL_ENTRIES_SHARED_MAX < TAIL_ENTRIES_HARD_MAX, 'one producer flushes before all of them have to')
assert(TAIL_ENTRIES_HARD_MAX <= BLOCK_ENTRIES_MAX, 'one flush brings a tail below its hard limit')
assert(TAIL_INLINE_KEPT_BYTES_MAX < TAIL_INLINE_SOFT_BYTES_MAX, 'a flush by bytes takes something')
assert(TAIL_INLINE_PAID_BYTES_MAX < TAIL_INLINE_SOFT_BYTES_MAX, 'what is paid for leaves earlier')
assert(TAIL_INLINE_SOFT_BYTES_MAX < TAIL_INLINE_HARD_BYTES_MAX, 'the same, by bytes')
assert(ENTRY_PRODUCERS_MAX <= BLOCK_PRODUCERS_MAX, 'any entry fits into a block')
assert(BLOCK_PRODUCERS_MAX <= PRODUCERS_RETIRED_MAX, 'producers leave a head as fast as they come')
assert(ENTRY_PRODUCERS_MAX <= PRODUCERS_KEPT_MAX, 'the producers of one busy process need not come and go')
assert(PRODUCER_SILENT_MS_MAX < PRODUCER_REMEMBERED_MS, 'who leaves the head is remembered elsewhere')
assert(INLINE_BYTES_MAX <= TAIL_INLINE_SOFT_BYTES_MAX, 'one inline commit alone needs no flush')
assert(BATCH_BYTES_MAX <= FETCH_BYTES_MAX, 'any batch can be fetched')
assert(LENT_BYTES_MAX <= LENT_KEPT_BYTES_MAX, 'whatever is lent may be kept')
assert(FETCH_DEFAULT_BYTES <= LENT_BYTES_MAX, 'what is usually asked for is lent')
