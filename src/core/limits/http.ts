import {
  FETCH_WAIT_MS_MAX,
  FLUSH_BY_PRODUCER_MS,
  LAST_STEP_MS_MAX,
  LOCATED_URL_LIFETIME_MS,
  PRODUCE_BYTES_MAX,
  PRODUCE_DEADLINE_MS,
  PRODUCER_SILENT_MS_MAX,
} from './log.ts'
import { assert, KiB, MiB } from './units.ts'

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
  PRODUCE_DEADLINE_MS + LAST_STEP_MS_MAX + FLUSH_BY_PRODUCER_MS < CLIENT_TIMEOUT_MS,
  'a broker tells what became of a produce call before its client gives up',
)
assert(
  LOCATED_READ_TIMEOUT_MS < LOCATED_URL_LIFETIME_MS,
  'a located range can be read before its URL expires',
)
assert(FETCH_WAIT_MS_MAX < HTTP_REQUEST_TIMEOUT_MS, 'a long poll ends before its request times out')
