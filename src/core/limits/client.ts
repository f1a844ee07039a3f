import { API_GATEWAY_TIMEOUT_MS, TABLE_WRITE_TIMEOUT_MS } from './aws.ts'
import { GROUP_CALL_DEADLINE_MS, SESSION_TIMEOUT_MS_MIN } from './groups.ts'
import { CLIENT_TIMEOUT_MS, HTTP_CLOSE_TIMEOUT_MS, LOCATED_READ_TIMEOUT_MS } from './http.ts'
import {
  CLOSE_DEADLINE_MS,
  FETCH_WAIT_MS_MAX,
  FLUSH_BY_PRODUCER_MS,
  FLUSH_DEADLINE_MS,
  PRODUCE_DEADLINE_MS,
} from './log.ts'
import { assert } from './units.ts'

// Tries, and all of them together. CLIENT_TIMEOUT_MS is how long one of them may take.

/** The least that a try is given where nobody says how long it may take: a function that is started takes about as long. */
export const CLIENT_TIMEOUT_MS_MIN = 1_000
/** How long a request is tried that is no producer's: Kafka's `default.api.timeout.ms`. */
export const API_TIMEOUT_MS = 60_000
/** How long records may take from `send` on, all tries together: Kafka's `delivery.timeout.ms`. */
export const DELIVERY_TIMEOUT_DEFAULT_MS = 120_000
/** How long a batch that is not full waits for more: Kafka's `linger.ms`. */
export const LINGER_DEFAULT_MS = 5
/** How long a consumer's fetch waits at the end of a partition: KafkaJS's `maxWaitTimeInMs`. */
export const FETCH_WAIT_DEFAULT_MS = 5_000
/** The same of `tidemark consume`, which has nothing else to do. */
export const CONSUME_WAIT_MS = 10_000
/** For how long `tidemark consume` goes on while its requests fail. */
export const CONSUME_GIVE_UP_MS = 60_000
/** Heartbeats in a row that may go unanswered before what is left of a session is over: each has such a part of it. */
export const HEARTBEAT_ATTEMPTS_MIN = 3

// Ending.

/** What whoever ends a process leaves it between SIGTERM and SIGKILL: Kubernetes' and Amazon ECS's default. */
export const TERMINATION_GRACE_MS = 30_000
/** How long a producer that disconnects waits for what it has taken. */
export const CLOSE_FLUSH_MS = 25_000
/** How long a consumer that stops waits for a commit under way, then for the last one, for a heartbeat, and to leave. */
export const CLOSE_COMMIT_UNDER_WAY_MS = 5_000
export const CLOSE_COMMIT_MS = 10_000
export const CLOSE_HEARTBEAT_MS = 2_000
export const CLOSE_LEAVE_MS = 8_000

assert(CLIENT_TIMEOUT_MS * 2 <= API_TIMEOUT_MS, 'a request that is swallowed is followed by another one')
assert(
  LINGER_DEFAULT_MS + CLIENT_TIMEOUT_MS * 2 < DELIVERY_TIMEOUT_DEFAULT_MS,
  'the same, of what a producer sends',
)
assert(
  Math.max(PRODUCE_DEADLINE_MS + FLUSH_BY_PRODUCER_MS, GROUP_CALL_DEADLINE_MS) + TABLE_WRITE_TIMEOUT_MS <
    CLIENT_TIMEOUT_MS,
  'a broker tells what became of a call before its client gives up, even if its last try begins at the deadline',
)
assert(
  API_GATEWAY_TIMEOUT_MS < CLIENT_TIMEOUT_MS,
  'what a gateway has to say comes before its client gives up',
)
assert(
  CONSUME_WAIT_MS + CLIENT_TIMEOUT_MS < CONSUME_GIVE_UP_MS,
  'a reader that gives up has asked once more after a fetch that was swallowed',
)
assert(CONSUME_WAIT_MS <= FETCH_WAIT_MS_MAX, 'a fetch may wait so long')
assert(FETCH_WAIT_DEFAULT_MS <= FETCH_WAIT_MS_MAX, 'the same by default')
assert(
  LOCATED_READ_TIMEOUT_MS < CONSUME_GIVE_UP_MS,
  'a range that does not come is read through the broker before a reader gives up',
)
assert(
  CLIENT_TIMEOUT_MS_MIN * HEARTBEAT_ATTEMPTS_MIN <= SESSION_TIMEOUT_MS_MIN,
  'a heartbeat has time for an answer, also in the shortest session',
)
assert(CLOSE_FLUSH_MS < TERMINATION_GRACE_MS, 'a producer is told to end and does so before it is ended')
assert(
  CLOSE_COMMIT_UNDER_WAY_MS + CLOSE_COMMIT_MS + CLOSE_HEARTBEAT_MS + CLOSE_LEAVE_MS < TERMINATION_GRACE_MS,
  'a consumer commits and leaves before it is ended, once its handlers are through',
)
assert(
  HTTP_CLOSE_TIMEOUT_MS + FLUSH_DEADLINE_MS + CLOSE_DEADLINE_MS < TERMINATION_GRACE_MS,
  'a broker answers what it has accepted, and flushes, before it is ended',
)
