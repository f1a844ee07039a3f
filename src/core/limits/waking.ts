import {
  API_GATEWAY_FRAME_BYTES_MAX,
  API_GATEWAY_IDLE_MS,
  API_GATEWAY_SOCKET_MS,
  AWS_SOCKETS_MAX,
  LAMBDA_EVENT_BYTES_MAX,
} from './aws.ts'
import { INLINE_BYTES_MAX } from './log.ts'
import { assert, KiB } from './units.ts'

/** Listeners of one partition that are woken; where there are more, all of them are told to poll. */
export const LISTENERS_PER_PARTITION_MAX = 200
/** Partitions at which one socket is armed, in one process; the others it is told to poll. */
export const LISTENER_PARTITIONS_MAX = 10_000
/** The same of all its sockets together: each is some hundred bytes, and a look at the log while nobody else waits there. */
export const PROCESS_ARMED_PARTITIONS_MAX = 50_000
/** Sockets of one process. */
export const LISTENER_SOCKETS_MAX = 1_000
/** What waits to be sent to a listener that does not read. */
export const LISTENER_SENT_BYTES_MAX = 256 * KiB
/** What a listener says: few words. */
export const LISTENER_MESSAGE_BYTES_MAX = 1 * KiB
/** How much of that in a second. */
export const LISTENER_MESSAGES_PER_SECOND_MAX = 10
/** Armings that one process writes, or takes, at a time; each takes up to two connections. */
export const ARMED_ITEMS_AT_ONCE = 100
/** What is handed to whoever posts to listeners, in one call. */
export const POSTS_BYTES_MAX = 192 * KiB
/** For how long somebody tries to hand it on: meanwhile listeners look by themselves. */
export const WAKE_DEADLINE_MS = 20_000
/** How long a fetch tries to arm, and a socket's first message to get a ticket. */
export const ARMING_DEADLINE_MS = 5_000
/** Sockets to which is posted at a time, and how long one may take. */
export const POSTED_SOCKETS_AT_ONCE = 50
export const POST_TIMEOUT_MS = 3_000
/** What a listener is told at once. */
export const WAKE_MESSAGE_BYTES_MAX = 32 * KiB
/** A partition is looked at when it is woken, and then no more often than this. */
export const WAKE_PAUSE_MS = 1_000
/** How many wake-ups an arming is good for where they come further apart than that: who does not want them is spared the others. */
export const ARMING_WAKES_MAX = 64
/** What a wake-up brings of one partition's records; above, they are fetched. */
export const WAKE_RECORDS_BYTES_MAX = 16 * KiB
/** So many messages go to their sockets at once, by whoever has found whom to wake; more are handed on. */
export const POSTED_AT_ONCE_SOCKETS_MAX = 20
/** How long one of these may take: the changes that follow wait for it. */
export const POSTED_AT_ONCE_TIMEOUT_MS = 1_000
/** How often is looked for what nobody was woken for: with few partitions, and with as many as one request takes. */
export const SLOW_LOOK_MS = 150_000
export const SLOW_LOOK_MS_MAX = 300_000
/** So many partitions are few. */
export const SLOW_LOOK_FEW_PARTITIONS = 100
/** How often a listener says that it is there. */
export const LISTENER_PING_MS = 480_000
/** When a listener takes another socket: up to a quarter of it sooner, so that not all come at once. */
export const SOCKET_LIFETIME_MS = 6_300_000
/** How long a ticket arms, and what it has armed stays so. */
export const TICKET_LIFETIME_MS = 7_500_000
/** For how long somebody polls who was told to. */
export const POLL_TOLD_MS = 600_000
/** How long a listener waits for the ticket of a socket, and for a socket that is being opened. */
export const TICKET_WAIT_MS = 10_000
/** How long it waits before it opens another socket where one has failed, at most. */
export const SOCKET_PAUSE_MS_MAX = 60_000

assert(LISTENER_PING_MS < API_GATEWAY_IDLE_MS, 'a listener speaks before its gateway takes it for gone')
assert(
  SOCKET_LIFETIME_MS + TICKET_WAIT_MS + SOCKET_PAUSE_MS_MAX < API_GATEWAY_SOCKET_MS,
  'a listener has another socket before its gateway ends the one it has',
)
assert(API_GATEWAY_SOCKET_MS < TICKET_LIFETIME_MS, 'a ticket lasts as long as its socket does')
assert(
  WAKE_MESSAGE_BYTES_MAX <= API_GATEWAY_FRAME_BYTES_MAX,
  'what a listener is told is one frame, and one message',
)
assert(WAKE_MESSAGE_BYTES_MAX < LISTENER_SENT_BYTES_MAX, 'a listener is not dropped for a single message')
assert(
  // In base 64, with what stands around it.
  (WAKE_RECORDS_BYTES_MAX * 4) / 3 + KiB < WAKE_MESSAGE_BYTES_MAX,
  'what a wake-up brings of a partition fits into a message',
)
assert(
  INLINE_BYTES_MAX < WAKE_RECORDS_BYTES_MAX,
  'a wake-up can bring what was appended last, where it lies in the index',
)
assert(
  POSTED_AT_ONCE_TIMEOUT_MS < POST_TIMEOUT_MS && POSTED_AT_ONCE_TIMEOUT_MS < WAKE_DEADLINE_MS,
  'who holds up others gives up sooner than who does not',
)
assert(LISTENER_PARTITIONS_MAX < PROCESS_ARMED_PARTITIONS_MAX, 'one socket does not take what all may have')
assert(WAKE_PAUSE_MS < SLOW_LOOK_MS, 'who is woken looks sooner than who is not')
assert(SLOW_LOOK_MS <= SLOW_LOOK_MS_MAX, 'more partitions are looked at less often')
assert(ARMED_ITEMS_AT_ONCE * 2 <= AWS_SOCKETS_MAX, 'no arming waits for a connection')
// As JSON in JSON, where each quotation mark takes two characters.
assert(WAKE_MESSAGE_BYTES_MAX * 2 < POSTS_BYTES_MAX, 'the largest message fits into a call')
assert(POSTS_BYTES_MAX < LAMBDA_EVENT_BYTES_MAX, 'what is handed on in one call fits into an event')
