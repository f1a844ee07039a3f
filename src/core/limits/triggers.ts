import { BATCH_BYTES_MAX, FETCH_BYTES_MAX } from './log.ts'
import { assert, KiB, MiB } from './units.ts'

// Triggers.

/** Lambda's bounds for its Kafka event sources, and its default batch size. */
export const TRIGGER_BATCH_DEFAULT_RECORDS = 100
export const TRIGGER_BATCH_RECORDS_MAX = 10_000
export const TRIGGER_BATCHING_WINDOW_MS_MAX = 300_000
/** How far the clock of who delivers may be behind that of the queue before a batch waits no longer for others. */
export const TRIGGER_CLOCK_BEHIND_MS_MAX = 60_000
export const TRIGGER_RETRY_ATTEMPTS_MAX = 10_000
/** How often Lambda retries where no number is given, but a destination for what fails. */
export const TRIGGER_RETRY_ATTEMPTS_WITH_DESTINATION = 10
/** Younger records than these are not given up for their age: it would be a race with their delivery. */
export const TRIGGER_RECORD_AGE_MS_MIN = 1_000
/** Lambda's own default time-out for a function. */
export const TRIGGER_CALL_TIMEOUT_DEFAULT_MS = 3_000
/** Filters of one trigger, and the length of one: Lambda's bounds. */
export const TRIGGER_FILTER_ITEMS_MAX = 10
export const TRIGGER_FILTER_CHARACTERS_MAX = 4_096
/** Lambda's bound for the name of a destination. */
export const TRIGGER_DESTINATION_CHARACTERS_MAX = 350
/** An event as JSON: what a call may have, less some room for what is counted in another way than here. */
export const EVENT_BYTES_MAX = 6 * MiB - 64 * KiB
/** Of an error's text in the report on what was given up: a message of a queue has 256 KiB for all. */
export const FAILURE_REPORT_ERROR_CHARACTERS_MAX = 2_000

// Delivery to functions.

/** The pause after a call that failed, and what it grows to. */
export const TRIGGER_BACKOFF_FIRST_MS = 1_000
export const TRIGGER_BACKOFF_MS_MAX = 60_000
/** What one read of a partition brings at most, unless a batch is larger: a deliverer reads little ahead. */
export const TRIGGER_FETCH_BYTES = MiB
/** After so many records that fit no filter, what was passed over is committed. */
export const TRIGGER_PASSED_RECORDS_MAX = 50_000
/** Waits that are shorter happen where they arise; longer ones give the wake-up back. */
export const TRIGGER_WAIT_IN_PLACE_MS_MAX = 1_000
/** How soon a batch that waits for its window is looked at again: it may be full before. */
export const TRIGGER_WINDOW_LOOK_MS = 5_000
/** For how long a deliverer that is at work takes a trigger to be as it was. */
export const TRIGGER_CACHE_MS = 1_000
/** How long a partition rests that somebody else owns, or whose trouble a person must see to. */
export const TRIGGER_BLOCKED_PAUSE_MS = 60_000
/** How long one partition may go on where it can share its lane: then whoever else waits there has a turn. */
export const TRIGGER_TURN_MS = 60_000
/** How long a deliverer leaves a partition to another one that works on it. */
export const TRIGGER_FENCED_PAUSE_MS = 5_000
/** What a store that fails for a moment costs a wake-up. */
export const TRIGGER_STORE_PAUSE_MS = 5_000
/** How long telling of what is given up, or waking deliverers, is tried before it waits for another turn. */
export const TRIGGER_SEND_DEADLINE_MS = 15_000
/** Partitions that a sweep looks at, at the same time. */
export const SWEEP_PARALLEL_MAX = 32

// Delivery to functions by a process of one's own.

/** How long one partition may go on while others wait for its lane. */
export const LOCAL_DELIVERY_MS = 30_000
/** How often a process looks at what others have done to its triggers and their topics. */
export const LOCAL_TRIGGER_LOOK_MS = 1_000
/** The pause after a store's trouble, or where nothing may be delivered. */
export const LOCAL_TROUBLE_PAUSE_MS = 1_000
/** How long a handler's file may take to load: Lambda's bound is 10 s, on machines that do nothing else. */
export const HANDLER_LOAD_MS_MAX = 30_000
/** Processes of one handler: as many calls are made at the same time. */
export const HANDLER_PROCESSES_MAX = 8
/** An editor writes a file in several steps: so long nothing has to change before it is read. */
export const HANDLER_EDIT_SETTLE_MS = 100

assert(
  (BATCH_BYTES_MAX * 4) / 3 < EVENT_BYTES_MAX,
  'a record of the largest batch fits into an event in base64',
)
assert(TRIGGER_RETRY_ATTEMPTS_WITH_DESTINATION <= TRIGGER_RETRY_ATTEMPTS_MAX, 'so is the default of retries')
assert(TRIGGER_BACKOFF_FIRST_MS <= TRIGGER_BACKOFF_MS_MAX, 'pauses grow')
assert(TRIGGER_FETCH_BYTES <= FETCH_BYTES_MAX, 'a deliverer may read so much at once')
