import { MemoryPool } from '../core/lent-memory.ts'
import {
  CONNECTIONS_MAX,
  GATEWAY_ANSWER_WAIT_MS,
  GATEWAY_ANSWERS_BYTES_MAX,
  GATEWAY_CLOSE_MS_MAX,
  GATEWAY_FRAME_BYTES_MAX,
  GATEWAY_FRAME_MS_MAX,
  GATEWAY_FRAME_UNPROVED_BYTES_MAX,
  GATEWAY_IDLE_MS_MAX,
  GATEWAY_LOG_LINES_MAX,
  GATEWAY_PIPELINED_BYTES_MAX,
  GATEWAY_PIPELINED_MAX,
  GATEWAY_PROVING_MS_MAX,
  GATEWAY_REQUESTS_BYTES_MAX,
  GATEWAY_SEND_PACE_BYTES,
  GATEWAY_SEND_PACE_MS,
  GATEWAY_SEND_PRESSED_PACE_MS,
  GATEWAY_SMALL_ANSWER_BYTES_MAX,
  GATEWAY_SMALL_ANSWERS_BYTES,
  GATEWAY_SMALL_REQUEST_BYTES_MAX,
  GATEWAY_SMALL_REQUESTS_BYTES,
  GATEWAY_UNPROVED_BYTES_MAX,
  GATEWAY_UNSENT_BYTES_MAX,
  LENT_KEPT_BYTES_MAX,
} from '../core/limits.ts'
import type { Clock } from '../ports/clock.ts'
import type { GatewayBroker, GatewayPeer, GatewaySettings } from './apis/context.ts'
import type { Handler } from './apis/handler.ts'
import { HANDLERS } from './apis/handlers.ts'
import { ListedTopics } from './apis/topic-catalogue.ts'
import { Listener, type TlsSettings } from './server/listener.ts'
import { PacedLog } from './server/paced-log.ts'
import { Room } from './server/room.ts'
import type { SaslSettings } from './server/sasl/authentication.ts'
import { type ConnectionLimits, Offers, type Service } from './server/service.ts'

/** How a gateway is opened. What is left out is as Kafka has it. */
export interface GatewayOptions {
  /** 127.0.0.1 when it is left out. */
  readonly host?: string
  /** 0 takes any free one. */
  readonly port: number
  /** What clients are told to connect to: `host` and `port` when it is left out, or localhost where it listens everywhere. */
  readonly advertised?: { readonly host: string; readonly port: number } | undefined
  /** 1 when it is left out. */
  readonly nodeId?: number | undefined
  /** The same for every gateway of a store, and for as long as that lives: up to 22 letters, digits, - and _. */
  readonly clusterId: string
  readonly peers?: readonly GatewayPeer[] | undefined
  /** Makes topics that clients ask for. */
  readonly autoCreate?: { readonly partitions: number } | undefined
  readonly tls?: TlsSettings | undefined
  /** Who may come; everybody when it is left out. */
  readonly sasl?: SaslSettings | undefined
  readonly connectionsMax?: number | undefined
  readonly limits?: Partial<ConnectionLimits> | undefined
  /** What is offered; everything when it is left out. */
  readonly handlers?: readonly Handler[] | undefined
  readonly clock: Clock
  /** Told of connections that end for a reason, each in a line; of how many more where there are many in a second. */
  readonly log: (line: string) => void
  /** Told of what can only be a bug. */
  readonly reportError: (error: unknown) => void
}

/** A broker that Kafka's clients can use. */
export interface Gateway {
  readonly port: number
  readonly settings: GatewaySettings
  /** Connections that are open. */
  readonly connections: number
  /**
   * What it shows from now on to those who come, where it speaks TLS; connections that are open go on. Whether clients have to show
   * a certificate stays as it was. @throws where a certificate and a key are none, or not of each other
   */
  renewTls(tls: TlsSettings): void
  /**
   * Takes no new connections and requests, ends long polls, and lets the others finish for a while before it cuts them
   * off. The broker is left open. May be called again.
   */
  close(): Promise<void>
}

/**
 * Offers a broker of this process to Kafka's clients.
 * @throws TidemarkError BROKER_NOT_AVAILABLE when it cannot listen there
 */
export async function openGateway(broker: GatewayBroker, options: GatewayOptions): Promise<Gateway> {
  const { host = '127.0.0.1', nodeId = 1, clusterId, peers = [], autoCreate, clock } = options
  // Told once the port is known: no request comes before that.
  const advertised = {
    host: isWildcard(host) ? 'localhost' : host,
    port: options.port,
    ...options.advertised,
  }
  const settings: GatewaySettings = { nodeId, clusterId, peers, autoCreate, advertised }
  const log = new PacedLog(options.log, GATEWAY_LOG_LINES_MAX)
  const service: Service = {
    broker,
    settings,
    topics: new ListedTopics(broker, clock),
    clock,
    offers: new Offers(options.handlers ?? HANDLERS),
    limits: { ...LIMITS, ...options.limits },
    sasl: options.sasl,
    requests: new Room({
      bytesMax: GATEWAY_REQUESTS_BYTES_MAX,
      smallBytesMax: GATEWAY_SMALL_REQUEST_BYTES_MAX,
      smallOnlyBytes: GATEWAY_SMALL_REQUESTS_BYTES,
    }),
    newcomers: new Room({
      bytesMax: GATEWAY_UNPROVED_BYTES_MAX,
      smallBytesMax: GATEWAY_FRAME_UNPROVED_BYTES_MAX,
      smallOnlyBytes: 0,
    }),
    answers: new Room({
      bytesMax: GATEWAY_ANSWERS_BYTES_MAX,
      smallBytesMax: GATEWAY_SMALL_ANSWER_BYTES_MAX,
      smallOnlyBytes: GATEWAY_SMALL_ANSWERS_BYTES,
    }),
    log: log.tell,
    renewLog: () => log.renew(),
    memory: new MemoryPool(LENT_KEPT_BYTES_MAX),
    reportError: options.reportError,
  }
  const listener = new Listener(service, {
    host,
    port: options.port,
    tls: options.tls,
    connectionsMax: options.connectionsMax ?? CONNECTIONS_MAX,
  })
  const port = await listener.listen()
  if (options.advertised === undefined) advertised.port = port
  let closed: Promise<void> | undefined
  return {
    port,
    settings,
    get connections() {
      return listener.connections
    },
    renewTls: renewed => listener.renewTls(renewed),
    close() {
      closed ??= listener.close(GATEWAY_CLOSE_MS_MAX)
      return closed
    },
  }
}

const LIMITS: ConnectionLimits = {
  frameBytesMax: GATEWAY_FRAME_BYTES_MAX,
  frameUnprovedBytesMax: GATEWAY_FRAME_UNPROVED_BYTES_MAX,
  frameMsMax: GATEWAY_FRAME_MS_MAX,
  pipelinedBytesMax: GATEWAY_PIPELINED_BYTES_MAX,
  pipelinedMax: GATEWAY_PIPELINED_MAX,
  unsentBytesMax: GATEWAY_UNSENT_BYTES_MAX,
  sendPaceMs: GATEWAY_SEND_PACE_MS,
  sendPressedPaceMs: GATEWAY_SEND_PRESSED_PACE_MS,
  sendPaceBytes: GATEWAY_SEND_PACE_BYTES,
  idleMsMax: GATEWAY_IDLE_MS_MAX,
  provingMsMax: GATEWAY_PROVING_MS_MAX,
  answerWaitMs: GATEWAY_ANSWER_WAIT_MS,
}

function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}
