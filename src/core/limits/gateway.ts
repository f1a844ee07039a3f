import { CONNECTION_IDLE_MS_MIN } from './descriptors.ts'
import { SESSION_TIMEOUT_MS_MIN } from './groups.ts'
import { BATCH_BYTES_MAX, FETCH_BYTES_MAX, FETCH_WAIT_MS_MAX, PRODUCE_IN_FLIGHT_BYTES_MAX } from './log.ts'
import { assert, KiB, MiB } from './units.ts'

// What Kafka's clients are held to, whom the gateway serves. Nobody is told: a Kafka broker closes the connection, or lets wait.

/** Kafka's `socket.request.max.bytes`: a request's frame, without the four bytes of its length. */
export const GATEWAY_FRAME_BYTES_MAX = 100 * MiB
/** The same before a client has proved who it is. */
export const GATEWAY_FRAME_UNPROVED_BYTES_MAX = 64 * KiB
/** What those of all clients may have that have yet to prove it. */
export const GATEWAY_UNPROVED_BYTES_MAX = 8 * MiB
/** How long a frame may take to arrive that has begun to. */
export const GATEWAY_FRAME_MS_MAX = 60_000
/** Requests that have begun to arrive and are not answered, in one process; a single one may be larger. */
export const GATEWAY_REQUESTS_BYTES_MAX = 48 * MiB
/** Requests such as fetches, heartbeats and commits… */
export const GATEWAY_SMALL_REQUEST_BYTES_MAX = 64 * KiB
/** …and how much of the room for requests is theirs alone. */
export const GATEWAY_SMALL_REQUESTS_BYTES = 8 * MiB
/** The same of one connection: above it, nothing more is read of it. */
export const GATEWAY_PIPELINED_BYTES_MAX = 8 * MiB
export const GATEWAY_PIPELINED_MAX = 64
/** Answers that are read from the store, from then until connections have taken them, in one process. */
export const GATEWAY_ANSWERS_BYTES_MAX = 96 * MiB
export const GATEWAY_SMALL_ANSWER_BYTES_MAX = 128 * KiB
export const GATEWAY_SMALL_ANSWERS_BYTES = 16 * MiB
/** An answer of which nobody knew how large it becomes, such as that of all topics, takes room from so many bytes on. */
export const GATEWAY_UNRESERVED_ANSWER_BYTES_MAX = 16 * KiB
/** How long an answer waits for room before it is given without records. */
export const GATEWAY_ANSWER_WAIT_MS = 5_000
/** What may wait to be sent on a connection before nothing more is done for it. */
export const GATEWAY_UNSENT_BYTES_MAX = MiB
/** What a client has to take of what it is sent, or be all of it, in each such time: it may be busy with records, and read nothing. */
export const GATEWAY_SEND_PACE_MS = 600_000
/** The same where others wait for room. */
export const GATEWAY_SEND_PRESSED_PACE_MS = 5_000
export const GATEWAY_SEND_PACE_BYTES = 256 * KiB
/** Kafka's `connections.max.idle.ms`. */
export const GATEWAY_IDLE_MS_MAX = 600_000
/** How long a client may take to prove who it is. */
export const GATEWAY_PROVING_MS_MAX = 20_000
/** How long a client that failed to waits for the answer: Kafka's `connection.failed.authentication.delay.ms`. */
export const GATEWAY_FAILED_PROOF_MS = 100
/** How long a gateway that closes lets requests under way end. */
export const GATEWAY_CLOSE_MS_MAX = 10_000
/** Lines of its log that clients cause, in each second: more are counted. */
export const GATEWAY_LOG_LINES_MAX = 10
/** Rounds of a password's hash: RFC 7677's least, what new users get, and what nobody's sign-in takes longer than. */
export const SCRAM_ITERATIONS_MIN = 4_096
export const SCRAM_ITERATIONS_DEFAULT = 8_192
export const SCRAM_ITERATIONS_MAX = 1_000_000

/** Members of groups that a gateway remembers by itself: the ones that it has served last. Of others the store knows most. */
export const GATEWAY_MEMBERS_MAX = 10_000

assert(
  GATEWAY_REQUESTS_BYTES_MAX < PRODUCE_IN_FLIGHT_BYTES_MAX,
  'what the gateway takes the broker takes, too: it waits here, and is not refused there',
)
assert(
  GATEWAY_FRAME_UNPROVED_BYTES_MAX * 100 <= GATEWAY_UNPROVED_BYTES_MAX,
  'many clients prove who they are side by side',
)
assert(
  GATEWAY_PIPELINED_BYTES_MAX + BATCH_BYTES_MAX <= GATEWAY_REQUESTS_BYTES_MAX - GATEWAY_SMALL_REQUESTS_BYTES,
  'no connection has all the room for itself',
)
assert(
  FETCH_BYTES_MAX + BATCH_BYTES_MAX <= GATEWAY_ANSWERS_BYTES_MAX - GATEWAY_SMALL_ANSWERS_BYTES,
  'any answer has room where there is no other one',
)
assert(
  GATEWAY_UNRESERVED_ANSWER_BYTES_MAX < GATEWAY_SMALL_ANSWER_BYTES_MAX,
  'what takes no room is smaller than what has room of its own',
)
assert(
  GATEWAY_SEND_PRESSED_PACE_MS <= GATEWAY_ANSWER_WAIT_MS,
  'who takes nothing is gone before those who wait are given nothing',
)
assert(
  GATEWAY_ANSWER_WAIT_MS < SESSION_TIMEOUT_MS_MIN,
  'a member whose fetch waits for room can still send its heartbeat behind it',
)
assert(FETCH_WAIT_MS_MAX < GATEWAY_IDLE_MS_MAX, 'who waits for records is not idle')
assert(CONNECTION_IDLE_MS_MIN < GATEWAY_IDLE_MS_MAX, 'idle connections make way before they are too old')
assert(SCRAM_ITERATIONS_MIN <= SCRAM_ITERATIONS_DEFAULT, 'new users get enough rounds')
assert(SCRAM_ITERATIONS_DEFAULT <= SCRAM_ITERATIONS_MAX, 'new users can sign in')
