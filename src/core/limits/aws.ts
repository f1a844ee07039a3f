import {
  CLASSIC_GROUP_BYTES_MAX,
  CLASSIC_PART_BYTES_MAX,
  GROUP_CALL_DEADLINE_MS,
  SUBSCRIPTION_BYTES_MAX,
  TARGET_SHARE_BYTES_MAX,
} from './groups.ts'
import { CLIENT_TIMEOUT_MS, FETCH_ERRORS_BYTES_MAX, FETCH_FRAME_BYTES, FETCH_PARTITIONS_MAX } from './http.ts'
import {
  BATCH_BYTES_DEFAULT_MAX,
  BATCH_BYTES_MAX,
  COMMIT_BYTES_MAX,
  FETCH_BYTES_MAX,
  FETCH_LAST_LOOK_MS_MAX,
  FETCH_WAIT_MS_MAX,
  FLUSH_BY_PRODUCER_MS,
  LAST_STEP_MS_MAX,
  PRODUCE_BYTES_MAX,
  PRODUCE_DEADLINE_MS,
} from './log.ts'
import { EVENT_BYTES_MAX, TRIGGER_CALL_TIMEOUT_DEFAULT_MS, TRIGGER_SEND_DEADLINE_MS } from './triggers.ts'
import { assert, KiB, MiB } from './units.ts'

// AWS.

/** How long a request waits for a connection, a free one or a new one; until it has one, nothing was sent. */
export const AWS_CONNECT_TIMEOUT_MS = 3_000
/** Open connections to one AWS service, in one process. */
export const AWS_SOCKETS_MAX = 256
/** How long a conditional write waits for its answer: long for a table, and short enough for several tries. */
export const TABLE_WRITE_TIMEOUT_MS = 5_000
/** How long a read of the table may take, all tries together. */
export const TABLE_READ_TIMEOUT_MS = 10_000
export const TABLE_READ_ATTEMPTS_MAX = 2
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
/** DynamoDB: a write is paid for by each started unit of the item. */
export const TABLE_WRITE_UNIT_BYTES = KiB
/** DynamoDB's limit for one BatchWriteItem. */
export const TABLE_BATCH_ITEMS_MAX = 25
/** Items that one page of a scan for partitions reads: of those in one log, all but the first are in vain. */
export const TABLE_SCAN_PAGE_ITEMS = 100

// Lambda and API Gateway.

/** AWS: what an event or a result may have, as JSON, when a function is called and waited for. */
export const LAMBDA_PAYLOAD_BYTES_MAX = 6 * MiB
/** AWS: what an event may have when nobody waits for the function. It was raised since; this holds everywhere. */
export const LAMBDA_EVENT_BYTES_MAX = 256 * KiB
/** AWS: how long a gateway waits for a function. */
export const API_GATEWAY_TIMEOUT_MS = 29_000
/** What one frame of a WebSocket holds, how long one may be silent, and how long one lives. */
export const API_GATEWAY_FRAME_BYTES_MAX = 32 * KiB
export const API_GATEWAY_IDLE_MS = 600_000
export const API_GATEWAY_SOCKET_MS = 7_200_000
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
/** A request that takes longer than this, beside what it may wait, has a line of its own in the log. */
export const FUNCTION_SLOW_MS = 2_000
/** How often a process of a function tells what all its other requests came to, and after how many of them. */
export const FUNCTION_REPORT_MS = 60_000
export const FUNCTION_REPORT_REQUESTS_MAX = 100
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
/** How long a request to a queue, a topic or a bucket may take; it is sent once more after one that was swallowed. */
export const AWS_MESSAGE_TIMEOUT_MS = 4_000
export const AWS_MESSAGE_ATTEMPTS_MAX = 2
/** AWS: messages in one request to SQS. */
export const QUEUE_BATCH_MESSAGES_MAX = 10
/** How long CloudFormation's side may take to accept an answer, and how often it is offered. */
export const RESOURCE_ANSWER_TIMEOUT_MS = 3_000
export const RESOURCE_ANSWER_CALLS_MAX = 3

assert(
  CLASSIC_GROUP_BYTES_MAX + 10 * KiB < TABLE_ITEM_BYTES_MAX,
  "a group's members fit into its item, with what else stands there",
)
assert(CLASSIC_PART_BYTES_MAX + 10 * KiB < TABLE_ITEM_BYTES_MAX, 'a part fits into an item, with its key')
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
assert(
  (FUNCTION_ANSWER_BYTES_MAX * 4) / 3 + FUNCTION_HEADER_BYTES_MAX < LAMBDA_PAYLOAD_BYTES_MAX,
  'an answer in base64 fits into a result',
)
assert(
  ((FUNCTION_ANSWER_BYTES_MAX + FETCH_PARTITIONS_MAX * FETCH_FRAME_BYTES + FETCH_ERRORS_BYTES_MAX) * 4) / 3 +
    FUNCTION_HEADER_BYTES_MAX <
    LAMBDA_PAYLOAD_BYTES_MAX,
  'so does one of many partitions',
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
assert(
  TARGET_SHARE_BYTES_MAX + 4 * KiB < TABLE_ITEM_BYTES_MAX,
  'the largest chunk fits into an item, with its key and its names',
)
assert(SUBSCRIPTION_BYTES_MAX + 4 * KiB < TABLE_ITEM_BYTES_MAX, 'a member fits into an item')
assert(
  GROUP_CALL_DEADLINE_MS + LAST_STEP_MS_MAX + FUNCTION_RESERVE_MS < FUNCTION_TIMEOUT_MS,
  'a call about a group is answered, even if its last try begins just before the deadline',
)
assert(EVENT_BYTES_MAX < LAMBDA_PAYLOAD_BYTES_MAX, 'an event fits into a call')
assert(TRIGGER_CALL_TIMEOUT_DEFAULT_MS <= TRIGGER_CALL_TIMEOUT_MS_MAX, 'the default time-out is allowed')
assert(FUNCTION_TIMEOUT_MS < API_GATEWAY_TIMEOUT_MS, 'a function ends before its gateway gives up')
assert(
  FUNCTION_PRODUCE_DEADLINE_MS + LAST_STEP_MS_MAX + FLUSH_BY_PRODUCER_MS + FUNCTION_RESERVE_MS <
    FUNCTION_TIMEOUT_MS,
  'a producer hears what became of its records, even if the last try begins just before the deadline',
)
assert(
  FUNCTION_FETCH_WAIT_MS_MAX + FETCH_LAST_LOOK_MS_MAX + FUNCTION_RESERVE_MS < FUNCTION_TIMEOUT_MS,
  'after a long poll there is time to read',
)
assert(TABLE_WRITE_TIMEOUT_MS <= LAST_STEP_MS_MAX, 'a write that was begun in time may take all of its own')
assert(FUNCTION_FETCH_WAIT_MS_MAX <= FETCH_WAIT_MS_MAX, 'a function waits no longer than a server')
assert(
  AWS_MESSAGE_TIMEOUT_MS * AWS_MESSAGE_ATTEMPTS_MAX < WAKE_UP_RESERVE_MS / 2,
  'a message that is worked on stays hidden, although a request that hides it was swallowed',
)
assert(
  AWS_MESSAGE_TIMEOUT_MS * AWS_MESSAGE_ATTEMPTS_MAX < TRIGGER_SEND_DEADLINE_MS,
  'what is given up is told, although a request that tells it was swallowed',
)
assert(FAILED_BATCH_BYTES < BATCH_BYTES_DEFAULT_MAX, 'given-up records fit into a batch, with their headers')
assert(
  TRIGGER_CALL_TIMEOUT_MS_MAX + TRIGGER_CALL_GRACE_MS + WAKE_UP_RESERVE_MS <= FUNCTION_RUN_MS_MAX,
  'what delivers outlives the longest call',
)
assert(
  RESOURCE_ANSWER_TIMEOUT_MS * RESOURCE_ANSWER_CALLS_MAX < FUNCTION_TIMEOUT_MS / 2,
  'there is time to settle a resource and to answer',
)
