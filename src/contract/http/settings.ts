import type { LentMemory } from '../../core/lent-memory.ts'
import type { Position } from '../../core/numbers.ts'
import type { StoreHealth } from '../../ports/store-health.ts'
import type { Broker } from '../broker.ts'
import type { GroupBroker } from '../groups.ts'
import type { TransactionBroker } from '../transactions.ts'
import type { TriggerBroker } from '../triggers.ts'
import type { WakingOffer } from '../waking/offer.ts'
import type { UrlSigner } from './trust/signed-url.ts'

export interface HttpPorts {
  broker: Broker & GroupBroker & TransactionBroker & TriggerBroker
  /** Given where this server itself serves what `locate` points at. */
  objects?: LocatedObjects
  /** What GET /health looks at; nothing when it is left out. */
  health?: StoreHealth | undefined
  /** That whoever waits for records can be woken; nobody can when it is left out. */
  waking?: WakingOffer | undefined
  logger: HttpLogger
  /** Milliseconds since the epoch; the system's clock when it is left out. */
  nowMs?: () => number
  /** Milliseconds since any moment, for how old something is that is remembered; the system's when it is left out. */
  monotonicMs?: () => number
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

/**
 * Reads a request's body as it arrives.
 * @param arrived told how much there is by now; what it throws ends the reading
 */
export type ReadBody = (arrived: (bytes: number) => void) => Promise<Uint8Array>

/** Memory for one answer, which it has until it is sent or its connection is gone. */
export interface AnswerMemory {
  /**
   * Waits until there is room for so many more bytes of this answer.
   * @throws THROTTLING_QUOTA_EXCEEDED where there is none for a while
   */
  take(bytes: number, signal?: AbortSignal): Promise<void>
  /** Gives back what is not needed after all, or any more. */
  give(bytes: number): void
}

/** What the server around the app knows and the app does not; absent where there is no such server. */
export interface ServerContext {
  readBody?: ReadBody
  /** The memory that the answer to this request may take, of what the process has for all. */
  room?: AnswerMemory
  /** Memory that is lent to the answer until it is sent or its connection is gone. */
  memory?: LentMemory
  /** `host:port` under which the server was started. */
  boundHosts?: readonly string[]
  /** Aborts when the server stops: long polls end then. */
  stopping?: AbortSignal
  /** Whether it is to become a WebSocket, if its client may have one: then the answer is 204. */
  isUpgrade?: boolean
}

/** The HTTP form of a broker, for any server that speaks the Fetch API's Request and Response. */
export interface HttpApp {
  /** Whether requests need a token; a server must not show an app that needs none to the network. */
  readonly needsToken: boolean
  fetch(request: Request, context?: ServerContext): Promise<Response>
  /** The OpenAPI 3.1 document, as GET /openapi.json answers it. */
  openApi(): object
}
