/**
 * Every limit, in one place: the unit stands last in the name, and the relations between limits are
 * asserted below, so that changing one alone cannot break another.
 */
const KiB = 1024
const MiB = 1024 * KiB

// Record batches.

/** Kafka's default for `max.message.bytes`: the largest batch, header included, as stored. */
export const BATCH_BYTES_DEFAULT_MAX = MiB + 12
/** The largest value that `max.message.bytes` can be set to. */
export const BATCH_BYTES_MAX = 4 * MiB
/** What one batch may grow to when it is decompressed. */
export const DECOMPRESSED_BYTES_MAX = 128 * MiB
/** Records in one batch; Kafka's field is 31 bits wide, and this is far above any real producer. */
export const BATCH_RECORDS_MAX = 1_000_000

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
export const PRODUCE_DEADLINE_MS = 30_000
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
/** How long a producer that cuts a tail insists, since somebody waits for its answer. */
export const FLUSH_BY_PRODUCER_MS = 2_000
/** How long a partition rests whose flush failed. */
export const FLUSH_FAILED_PAUSE_MS = 5_000
/** How long a clean shutdown goes on trying to move inline bytes into objects. */
export const CLOSE_DEADLINE_MS = 30_000
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
/** How long a producer is remembered at all after its last record: Kafka's default for `producer.id.expiration.ms`. */
export const PRODUCER_EXPIRATION_MS = 24 * 60 * 60_000
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
/** Places where reads have ended that a process remembers. */
export const PLACES_REMEMBERED_MAX = 1_000
/** Ranges that one fetch reads at the same time. */
export const READ_PARALLEL_MAX = 8
/** How often a waiting fetch looks for records that another process wrote. */
export const FETCH_POLL_INTERVAL_MS = 50
/** Where each look is paid for, the pause doubles while nothing comes, up to this. */
export const FETCH_POLL_PAID_INTERVAL_MS_MAX = 1_000
/** How long a located range's URL is valid. */
export const LOCATED_URL_LIFETIME_MS = 15 * 60_000

// Verifying.

/** An object this young may belong to a commit or a flush that is under way. */
export const ORPHAN_AGE_MS = 60_000

// AWS.

/** How long a request waits for a connection, a free one or a new one; until it has one, nothing was sent. */
export const AWS_CONNECT_TIMEOUT_MS = 3_000
/** Open connections to one AWS service, in one process. */
export const AWS_SOCKETS_MAX = 256
/** How long a conditional write waits for its answer: long for a table, and short enough for several tries. */
export const TABLE_WRITE_TIMEOUT_MS = 5_000
/** How long a read of the table may take, all tries together. */
export const TABLE_READ_TIMEOUT_MS = 10_000
/** Tries of a request that may be repeated whatever became of it. */
export const AWS_ATTEMPTS_MAX = 3
/** How long one try of an object request may take, beyond the time that its bytes take. */
export const OBJECT_TRY_TIMEOUT_MS = 5_000
/** The slowest connection on which objects of any size can still be written and read. */
export const OBJECT_BYTES_PER_SECOND_MIN = MiB
/** Attempts at one read of an object, and how long they may take together, beyond the time that the bytes take. */
export const OBJECT_READ_ATTEMPTS_MAX = 4
export const OBJECT_READ_TIMEOUT_MS = 10_000
/** A read whose first byte takes longer is asked for once more: one in a few hundred is that slow. */
export const OBJECT_READ_HEDGE_MS = 250
/** DynamoDB's limit for one item, names included. */
export const TABLE_ITEM_BYTES_MAX = 400 * KiB
/** DynamoDB's limit for one BatchWriteItem. */
export const TABLE_BATCH_ITEMS_MAX = 25
/** Items that one page of a scan for partitions reads: of those in one log, all but the first are in vain. */
export const TABLE_SCAN_PAGE_ITEMS = 100

// Groups.

/** Group ids, member ids and instance ids: short enough to stand in an item's key. */
export const GROUP_ID_CHARACTERS_MAX = 249
export const MEMBER_ID_CHARACTERS_MAX = 249
export const CLIENT_ID_CHARACTERS_MAX = 249
/** Kafka's `offset.metadata.max.bytes`. */
export const COMMIT_METADATA_BYTES_MAX = 4 * KiB
/** What a member subscribes to, names and pattern together: its item stays small. */
export const SUBSCRIPTION_BYTES_MAX = 64 * KiB
/** A topic pattern, and what it grows to when its repetitions are written out: each name is held against all of it. */
export const TOPIC_PATTERN_CHARACTERS_MAX = 1_000
export const TOPIC_PATTERN_PLACES_MAX = 1_000
/** How long a member may be silent: Kafka's defaults for `group.consumer.session.timeout.ms`, and its bounds. */
export const SESSION_TIMEOUT_DEFAULT_MS = 45_000
export const SESSION_TIMEOUT_MS_MIN = 6_000
export const SESSION_TIMEOUT_MS_MAX = 1_800_000
/** How often a member says that it is there; more often where its session time-out is short. */
export const HEARTBEAT_INTERVAL_DEFAULT_MS = 3_000
/** How soon a member asks again that still waits for partitions, or has some to give up. */
export const HEARTBEAT_UNSETTLED_INTERVAL_MS = 1_000
/** How long others leave it to whoever has begun to look at a group's members, before somebody begins anew. */
export const GROUP_LOOK_MS_MAX = 1_000
/** How long a member waits for a group's very first target before it looks for it again. */
export const GROUP_FIRST_TARGET_POLL_MS = 100
/** How long one call about a group insists, all its steps together. */
export const GROUP_CALL_DEADLINE_MS = 15_000
/** How far the clocks of two brokers may be apart before a member can lose its partitions without being silent. */
export const CLOCK_SKEW_MS_MAX = 5_000
/** What a trigger calls: an ARN has some two hundred. */
export const TRIGGER_TARGET_CHARACTERS_MAX = 2_048
/** One chunk of a target, of which every member in it reads the whole whenever the target changes. */
export const TARGET_CHUNK_BYTES_MAX = 100 * KiB
/** A chunk with a single member cannot be split. It stays below what an item can hold. */
export const TARGET_SHARE_BYTES_MAX = 380 * KiB
/** Chunks of one target: a thousand members with ten thousand partitions fit into one. */
export const TARGET_CHUNK_ITEMS_MAX = 256

// Triggers.

/** Lambda's bounds for its Kafka event sources, and its default batch size. */
export const TRIGGER_BATCH_DEFAULT_RECORDS = 100
export const TRIGGER_BATCH_RECORDS_MAX = 10_000
export const TRIGGER_BATCHING_WINDOW_MS_MAX = 300_000
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

// Topics.

/** Kafka's rule: 249 characters leave room for "-<partition>" in a 255 byte file name. */
export const TOPIC_NAME_CHARACTERS_MAX = 249
export const TOPIC_PARTITIONS_MAX = 10_000
/** How long a process trusts what it knows of a topic before it asks again. */
export const TOPIC_CACHE_MS = 1_000

// HTTP.

/** JSON grows a value by up to a third in base64; the batches inside have PRODUCE_BYTES_MAX. */
export const HTTP_BODY_BYTES_MAX = 8 * MiB
/** Bodies being read or handled at the same time, in one process. */
export const HTTP_BODIES_IN_FLIGHT_BYTES_MAX = 64 * MiB
export const HTTP_HEADER_BYTES_MAX = 16 * KiB
export const HTTP_REQUEST_TIMEOUT_MS = 60_000
export const HTTP_HEADERS_TIMEOUT_MS = 20_000
/** Longer than clients keep idle connections, so that it is the client who closes and never uses a dead one. */
export const HTTP_KEEP_ALIVE_MS = 65_000
/** How long a server that closes lets running requests go on. */
export const HTTP_CLOSE_TIMEOUT_MS = 10_000
/** How long a client waits for an answer, beyond what it asked the broker to wait for. */
export const CLIENT_TIMEOUT_MS = 35_000
/** How long a client may take to read a located range. */
export const LOCATED_READ_TIMEOUT_MS = 30_000

// Lambda and API Gateway.

/** AWS: what an event or a result may have, as JSON, when a function is called and waited for. */
export const LAMBDA_PAYLOAD_BYTES_MAX = 6 * MiB
/** AWS: how long a gateway waits for a function. */
export const API_GATEWAY_TIMEOUT_MS = 29_000
/** A function behind a gateway ends before the gateway gives up, so that its log tells what happened. */
export const FUNCTION_TIMEOUT_MS = 28_000
/** A produce call is answered before its function is stopped: a producer hears what became of its records. */
export const FUNCTION_PRODUCE_DEADLINE_MS = 17_000
export const FUNCTION_FETCH_WAIT_MS_MAX = 20_000
/** What is left of a function's time when it stops working and begins to answer. */
export const FUNCTION_RESERVE_MS = 3_000
/** An answer as the HTTP form makes it: one batch of the largest size, or JSON. It travels in base64. */
export const FUNCTION_ANSWER_BYTES_MAX = 4 * MiB
/** Text travels as it is up to here, and above in base64: inside a JSON string, escaping can double it. */
export const FUNCTION_TEXT_BYTES_MAX = 2 * MiB
/** A result's status and headers. */
export const FUNCTION_HEADER_BYTES_MAX = 64 * KiB
/** Records of one request in JSON: all are answered for, with what went wrong if need be. */
export const FUNCTION_JSON_RECORDS_MAX = 10_000
/** How long a function trusts what it knows of a topic: it reads the topic anew once in so long, not with each call. */
export const FUNCTION_TOPIC_CACHE_MS = 30_000
/** AWS: how long a function may run. What delivers takes all of it, to make one batch after another. */
export const FUNCTION_RUN_MS_MAX = 15 * 60_000
/** How long a function may take that a trigger calls, which what delivers has to outlive: Lambda's own bound for Kafka. */
export const TRIGGER_CALL_TIMEOUT_MS_MAX = 14 * 60_000
/** How long past a function's time-out its answer is waited for: a cold start may take ten seconds before that time begins. */
export const TRIGGER_CALL_GRACE_MS = 12_000
/** How long a deliverer may be busy with a wake-up beside calls, before another one takes the wake-up for abandoned. */
export const WAKE_UP_RESERVE_MS = 20_000
/** A wake-up that could not be worked on at all comes back after so long. */
export const WAKE_UP_FAILED_PAUSE_MS = 10_000
/** How long a wake-up is kept: the sweep makes new ones, so that a stalled partition does not gather them for days. */
export const WAKE_UP_LIFETIME_MS = 60 * 60_000
/** A wake-up that is this old and makes no progress tells of a partition that is stuck. */
export const DELIVERY_STALLED_MS = 10 * 60_000
/** Given-up records that go to a topic together: well below what a topic takes by default. */
export const FAILED_BATCH_BYTES = 512 * KiB
/** AWS: messages in one request to SQS. */
export const QUEUE_BATCH_MESSAGES_MAX = 10
/** How long CloudFormation's side may take to accept an answer, and how often it is offered. */
export const RESOURCE_ANSWER_TIMEOUT_MS = 3_000
export const RESOURCE_ANSWER_CALLS_MAX = 3

function assert(holds: boolean, relation: string): void {
  if (!holds) throw new Error(`limits contradict one another: ${relation}`)
}

assert(BATCH_BYTES_DEFAULT_MAX <= BATCH_BYTES_MAX, 'the default batch size is allowed')
assert(BATCH_BYTES_MAX <= PRODUCE_BYTES_MAX, 'the largest batch fits into a produce call')
assert(PRODUCE_BYTES_MAX <= COMMIT_BYTES_MAX, 'one call fits into a commit')
assert(COMMIT_BYTES_MAX * COMMITS_IN_FLIGHT_MAX <= PRODUCE_IN_FLIGHT_BYTES_MAX, 'the commits can fill up')
assert(TAIL_ENTRIES_KEPT < TAIL_ENTRIES_SOFT_MAX, 'a flush by number takes something')
assert(TAIL_ENTRIES_SOFT_MAX < TAIL_ENTRIES_SHARED_MAX, 'a background task flushes before producers do')
assert(TAIL_ENTRIES_SHARED_MAX < TAIL_ENTRIES_HARD_MAX, 'one producer flushes before all of them have to')
assert(TAIL_ENTRIES_HARD_MAX <= BLOCK_ENTRIES_MAX, 'one flush brings a tail below its hard limit')
assert(TAIL_INLINE_KEPT_BYTES_MAX < TAIL_INLINE_SOFT_BYTES_MAX, 'a flush by bytes takes something')
assert(TAIL_INLINE_SOFT_BYTES_MAX < TAIL_INLINE_HARD_BYTES_MAX, 'the same, by bytes')
assert(ENTRY_PRODUCERS_MAX <= BLOCK_PRODUCERS_MAX, 'any entry fits into a block')
assert(BLOCK_PRODUCERS_MAX <= PRODUCERS_RETIRED_MAX, 'producers leave a head as fast as they come')
assert(ENTRY_PRODUCERS_MAX <= PRODUCERS_KEPT_MAX, 'the producers of one busy process need not come and go')
assert(
  CLIENT_TIMEOUT_MS < PRODUCER_SILENT_MS_MAX,
  'a client that heard nothing most often finds itself in the head',
)
assert(PRODUCER_SILENT_MS_MAX < PRODUCER_EXPIRATION_MS, 'who leaves the head is remembered elsewhere')
assert(INLINE_BYTES_MAX <= TAIL_INLINE_SOFT_BYTES_MAX, 'one inline commit alone needs no flush')
assert(BATCH_BYTES_MAX <= FETCH_BYTES_MAX, 'any batch can be fetched')
assert((PRODUCE_BYTES_MAX * 4) / 3 < HTTP_BODY_BYTES_MAX, 'base64 grows a body by a third')
assert(
  PRODUCE_DEADLINE_MS < CLIENT_TIMEOUT_MS,
  'a broker tells what became of a produce call before its client gives up',
)
assert(
  LOCATED_READ_TIMEOUT_MS < LOCATED_URL_LIFETIME_MS,
  'a located range can be read before its URL expires',
)
assert(AWS_CONNECT_TIMEOUT_MS < TABLE_WRITE_TIMEOUT_MS, 'a write that was never sent is known as such')
assert(TABLE_WRITE_TIMEOUT_MS * 3 < PRODUCE_DEADLINE_MS, 'a produce call can try a write several times')
assert(
  OBJECT_TRY_TIMEOUT_MS + (COMMIT_BYTES_MAX / OBJECT_BYTES_PER_SECOND_MIN) * 1_000 < PRODUCE_DEADLINE_MS,
  'the largest commit can be uploaded on a slow connection',
)
assert(
  OBJECT_READ_TIMEOUT_MS + (FETCH_BYTES_MAX / OBJECT_BYTES_PER_SECOND_MIN) * 1_000 < CLIENT_TIMEOUT_MS,
  'the largest fetch can be read on a slow connection before its client gives up',
)
assert(OBJECT_READ_HEDGE_MS < OBJECT_TRY_TIMEOUT_MS, 'a slow read is asked for again before it is given up')
assert(FETCH_WAIT_MS_MAX < HTTP_REQUEST_TIMEOUT_MS, 'a long poll ends before its request times out')
assert(
  (FUNCTION_ANSWER_BYTES_MAX * 4) / 3 + FUNCTION_HEADER_BYTES_MAX < LAMBDA_PAYLOAD_BYTES_MAX,
  'an answer in base64 fits into a result',
)
assert(
  FUNCTION_TEXT_BYTES_MAX * 2 + FUNCTION_HEADER_BYTES_MAX < LAMBDA_PAYLOAD_BYTES_MAX,
  'text of which every character is escaped fits into a result',
)
assert(BATCH_BYTES_MAX <= FUNCTION_ANSWER_BYTES_MAX, 'any batch can be fetched through a function')
assert(
  (PRODUCE_BYTES_MAX * 4) / 3 < LAMBDA_PAYLOAD_BYTES_MAX,
  'any produce call reaches a function in base64',
)
assert(TARGET_CHUNK_BYTES_MAX <= TARGET_SHARE_BYTES_MAX, 'a member alone in its chunk has no less room')
assert(
  TARGET_SHARE_BYTES_MAX + 4 * KiB < TABLE_ITEM_BYTES_MAX,
  'the largest chunk fits into an item, with its key and its names',
)
assert(SUBSCRIPTION_BYTES_MAX + 4 * KiB < TABLE_ITEM_BYTES_MAX, 'a member fits into an item')
assert(
  HEARTBEAT_INTERVAL_DEFAULT_MS * 2 <= SESSION_TIMEOUT_MS_MIN,
  'a member that loses one heartbeat does not lose its partitions',
)
assert(
  CLOCK_SKEW_MS_MAX < SESSION_TIMEOUT_MS_MIN,
  'a lease that was just renewed has not run out by the clock of any other broker',
)
assert(
  GROUP_LOOK_MS_MAX <= HEARTBEAT_UNSETTLED_INTERVAL_MS,
  'who comes back after one that died while it looked can look itself',
)
assert(SESSION_TIMEOUT_DEFAULT_MS <= SESSION_TIMEOUT_MS_MAX, 'the default session time-out is allowed')
assert(
  GROUP_CALL_DEADLINE_MS + TABLE_WRITE_TIMEOUT_MS + FUNCTION_RESERVE_MS < FUNCTION_TIMEOUT_MS,
  'a call about a group is answered, even if its last try begins just before the deadline',
)
assert(EVENT_BYTES_MAX < LAMBDA_PAYLOAD_BYTES_MAX, 'an event fits into a call')
assert(
  (BATCH_BYTES_MAX * 4) / 3 < EVENT_BYTES_MAX,
  'a record of the largest batch fits into an event in base64',
)
assert(TRIGGER_CALL_TIMEOUT_DEFAULT_MS <= TRIGGER_CALL_TIMEOUT_MS_MAX, 'the default time-out is allowed')
assert(TRIGGER_RETRY_ATTEMPTS_WITH_DESTINATION <= TRIGGER_RETRY_ATTEMPTS_MAX, 'so is the default of retries')
assert(TRIGGER_BACKOFF_FIRST_MS <= TRIGGER_BACKOFF_MS_MAX, 'pauses grow')
assert(TRIGGER_FETCH_BYTES <= FETCH_BYTES_MAX, 'a deliverer may read so much at once')
assert(FUNCTION_TIMEOUT_MS < API_GATEWAY_TIMEOUT_MS, 'a function ends before its gateway gives up')
assert(
  FUNCTION_PRODUCE_DEADLINE_MS + TABLE_WRITE_TIMEOUT_MS + FLUSH_BY_PRODUCER_MS + FUNCTION_RESERVE_MS <
    FUNCTION_TIMEOUT_MS,
  'a producer hears what became of its records, even if the last try begins just before the deadline',
)
assert(
  FUNCTION_FETCH_WAIT_MS_MAX + FUNCTION_RESERVE_MS < FUNCTION_TIMEOUT_MS,
  'after a long poll there is time to read',
)
assert(FUNCTION_FETCH_WAIT_MS_MAX <= FETCH_WAIT_MS_MAX, 'a function waits no longer than a server')
assert(FAILED_BATCH_BYTES < BATCH_BYTES_DEFAULT_MAX, 'given-up records fit into a batch, with their headers')
assert(
  TRIGGER_CALL_TIMEOUT_MS_MAX + TRIGGER_CALL_GRACE_MS + WAKE_UP_RESERVE_MS <= FUNCTION_RUN_MS_MAX,
  'what delivers outlives the longest call',
)
assert(
  RESOURCE_ANSWER_TIMEOUT_MS * RESOURCE_ANSWER_CALLS_MAX < FUNCTION_TIMEOUT_MS / 2,
  'there is time to settle a resource and to answer',
)
