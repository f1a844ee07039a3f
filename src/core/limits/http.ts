import { SESSION_TIMEOUT_DEFAULT_MS, SUBSCRIPTION_BYTES_MAX } from './groups.ts'
import {
  BATCH_BYTES_MAX,
  FETCH_BYTES_MAX,
  FETCH_DEFAULT_BYTES,
  FETCH_WAIT_MS_MAX,
  FLUSH_BY_PRODUCER_MS,
  LAST_STEP_MS_MAX,
  LOCATED_URL_LIFETIME_MS,
  PRODUCE_BYTES_MAX,
  PRODUCE_DEADLINE_MS,
  PRODUCER_SILENT_MS_MAX,
  TOPIC_PARTITIONS_MAX,
} from './log.ts'
import { assert, KiB, MiB } from './units.ts'

/** JSON grows a value by up to a third in base64; the batches inside have PRODUCE_BYTES_MAX. */
export const HTTP_BODY_BYTES_MAX = 8 * MiB
/** Bodies being read or handled at the same time, in one process. */
export const HTTP_BODIES_IN_FLIGHT_BYTES_MAX = 64 * MiB
/** Bodies such as those of heartbeats, commits and single records… */
export const HTTP_SMALL_BODY_BYTES_MAX = 128 * KiB
/** …and how much of the room for bodies is theirs alone. */
export const HTTP_SMALL_BODIES_BYTES = 8 * MiB
/** What has to arrive of a body, or be all of it, in each such time. */
export const HTTP_BODY_PACE_MS = 10_000
export const HTTP_BODY_PACE_BYTES = 40 * KiB
/** Answers that are read from the store, from then until the connection has taken them, in one process. */
export const HTTP_ANSWERS_BYTES_MAX = 96 * MiB
export const HTTP_SMALL_ANSWER_BYTES_MAX = 128 * KiB
export const HTTP_SMALL_ANSWERS_BYTES = 16 * MiB
/** How long an answer waits for room before its client is told to come back later. */
export const HTTP_ANSWER_WAIT_MS = 5_000
/** What a client has to take of an answer, or be all of it, in each such time; more where others wait for room. */
export const HTTP_SEND_PACE_MS = 30_000
export const HTTP_SEND_PACE_BYTES = 256 * KiB
export const HTTP_SEND_PRESSED_PACE_BYTES = 8 * MiB
/** Partitions of one request to fetch. */
export const FETCH_PARTITIONS_MAX = 1_000
/** What a frame of its answer has beside the batches. */
export const FETCH_FRAME_BYTES = 46
/** What its errors say in all; those behind that tell their number alone. */
export const FETCH_ERRORS_BYTES_MAX = 64 * KiB
/** Requests that wait on one connection for the answer to one before them. */
export const HTTP_PIPELINED_MAX = 64
/** Values of one body in JSON, before they are made: each costs many times its bytes, and all are read in one piece. */
export const HTTP_JSON_ITEMS_MAX = 200_000
export const HTTP_HEADER_BYTES_MAX = 16 * KiB
export const HTTP_REQUEST_TIMEOUT_MS = 60_000
export const HTTP_HEADERS_TIMEOUT_MS = 20_000
/** Longer than clients keep idle connections, so that it is the client who closes and never uses a dead one. */
export const HTTP_KEEP_ALIVE_MS = 65_000
/** How long a server that closes lets running requests go on. */
export const HTTP_CLOSE_TIMEOUT_MS = 10_000
/** How long a look whether requests can be served waits for the store: probes give up after a second, most often. */
export const READY_MS_MAX = 900
/** How long a client waits for an answer, beyond what it asked the broker to wait for: Kafka's `request.timeout.ms`. */
export const CLIENT_TIMEOUT_MS = 30_000
/** How long a client may take to read a located range. */
export const LOCATED_READ_TIMEOUT_MS = 30_000

assert(
  CLIENT_TIMEOUT_MS < PRODUCER_SILENT_MS_MAX,
  'a client that heard nothing most often finds itself in the head',
)
assert((PRODUCE_BYTES_MAX * 4) / 3 < HTTP_BODY_BYTES_MAX, 'base64 grows a body by a third')
assert(
  TOPIC_PARTITIONS_MAX * 10 <= HTTP_JSON_ITEMS_MAX,
  'a member can say of all partitions of the widest topic that it owns or has released them, or commit them',
)
assert(
  PRODUCE_DEADLINE_MS + LAST_STEP_MS_MAX + FLUSH_BY_PRODUCER_MS < CLIENT_TIMEOUT_MS,
  'a broker tells what became of a produce call before its client gives up',
)
assert(
  LOCATED_READ_TIMEOUT_MS < LOCATED_URL_LIFETIME_MS,
  'a located range can be read before its URL expires',
)
assert(
  HTTP_BODY_BYTES_MAX <= HTTP_BODIES_IN_FLIGHT_BYTES_MAX - HTTP_SMALL_BODIES_BYTES,
  'any body has room where there is no other one',
)
assert(
  FETCH_BYTES_MAX + BATCH_BYTES_MAX + FETCH_PARTITIONS_MAX * FETCH_FRAME_BYTES + FETCH_ERRORS_BYTES_MAX <=
    HTTP_ANSWERS_BYTES_MAX - HTTP_SMALL_ANSWERS_BYTES,
  'any answer has room where there is no other one',
)
assert(SUBSCRIPTION_BYTES_MAX * 2 <= HTTP_SMALL_BODY_BYTES_MAX, 'a heartbeat is a small body')
assert(
  HTTP_BODY_PACE_MS * 2 < SESSION_TIMEOUT_DEFAULT_MS,
  'a body that drips is gone long before a session is over',
)
assert(
  HTTP_SEND_PACE_MS + HTTP_ANSWER_WAIT_MS < HTTP_REQUEST_TIMEOUT_MS,
  'who reads nothing is gone within a minute',
)
assert(
  (FETCH_DEFAULT_BYTES * HTTP_SEND_PACE_MS) / HTTP_SEND_PRESSED_PACE_BYTES <= HTTP_ANSWER_WAIT_MS,
  'whoever is as slow as is allowed then has taken a usual answer before those who wait are told to come back later',
)
assert(HTTP_ANSWER_WAIT_MS < CLIENT_TIMEOUT_MS, 'a client is told to come back later before it gives up')
assert(FETCH_WAIT_MS_MAX < HTTP_REQUEST_TIMEOUT_MS, 'a long poll ends before its request times out')
assert(FETCH_PARTITIONS_MAX * 8 <= HTTP_JSON_ITEMS_MAX, 'all partitions of a fetch can be said')
