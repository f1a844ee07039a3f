import type { Position } from '../../core/numbers.ts'
import type { StoreHealth } from '../../ports/store-health.ts'
import type { Broker } from '../broker.ts'
import type { GroupBroker } from '../groups.ts'
import type { TriggerBroker } from '../triggers.ts'
import type { UrlSigner } from './trust/signed-url.ts'

export interface HttpPorts {
  broker: Broker & GroupBroker & TriggerBroker
  /** Given where this server itself serves what `locate` points at. */
  objects?: LocatedObjects
  /** What GET /health looks at; nothing when it is left out. */
  health?: StoreHealth | undefined
  logger: HttpLogger
  /** Milliseconds since the epoch; the system's clock when it is left out. */
  nowMs?: () => number
  /** In [0, 1), for the partition of records without a key; Math.random when it is left out. */
  random?: () => number
}

/** The objects that located ranges lie in. */
export interface LocatedObjects {
  signer: UrlSigner
  /** The bytes of a range; undefined when there is no such object, fewer when it ends before. */
  get(key: string, position: Position, bytes: number): Promise<Uint8Array | undefined>
}

/** Told of what no client may see: the cause of an UNKNOWN_SERVER_ERROR. */
export interface HttpLogger {
  error(message: string, details: { error: unknown; method: string; path: string }): void
}

/** What an answer may hold, where what carries it sets limits. */
export interface AnswerLimits {
  /** What one fetch answers in record batches, but for a larger single batch; FETCH_BYTES_MAX when it is left out. */
  fetchBytesMax?: number
  /** What an answer in JSON holds; no limit when it is left out. */
  answerBytesMax?: number
  /** Records of one request in JSON, which are all answered for; BATCH_RECORDS_MAX when it is left out. */
  jsonRecordsMax?: number
  /** How long a fetch waits for records; FETCH_WAIT_MS_MAX when it is left out. */
  waitMsMax?: number
}

export interface HttpSettings extends AnswerLimits {
  /** What every request must bring as a bearer token; no check when it is left out. */
  token?: string
  /**
   * The names that this server goes by beside the loopback ones, each with a port or without;
   * 'any' behind something that checks them itself, such as an API gateway.
   */
  allowedHosts?: readonly string[] | 'any'
  /** HTTP_BODY_BYTES_MAX when it is left out. */
  bodyBytesMax?: number
  /** HTTP_BODIES_IN_FLIGHT_BYTES_MAX when it is left out. */
  bodiesInFlightBytesMax?: number
  /** How long records in JSON are placed by what was known of their topic; TOPIC_CACHE_MS when it is left out. */
  topicCacheMs?: number
}

/** What the server around the app knows and the app does not; absent where there is no such server. */
export interface ServerContext {
  /** `host:port` under which the server was started. */
  boundHosts?: readonly string[]
  /** Aborts when the server stops: long polls end then. */
  stopping?: AbortSignal
  /** The memory that the answer to this request may take, of what the process has for all. */
  room?: AnswerMemory
}

/** What is taken is given back by the server when the answer is closed. */
export interface AnswerMemory {
  /**
   * Waits until there is so much more.
   * @throws TidemarkError THROTTLING_QUOTA_EXCEEDED after a while
   */
  take(bytes: number, signal?: AbortSignal): Promise<void>
  /** Some of it, earlier. */
  give(bytes: number): void
}

/** The HTTP form of a broker, for any server that speaks the Fetch API's Request and Response. */
export interface HttpApp {
  /** Whether requests need a token; a server must not show an app that needs none to the network. */
  readonly needsToken: boolean
  fetch(request: Request, context?: ServerContext): Promise<Response>
  /** The OpenAPI 3.1 document, as GET /openapi.json answers it. */
  openApi(): object
}
