import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls'
import { cannotListen } from '../../core/cannot-listen.ts'
import { CONNECTION_IDLE_MS_MIN, CONNECTIONS_WAITING_MAX, GATEWAY_PROVING_MS_MAX } from '../../core/limits.ts'
import { Connection } from './connection.ts'
import type { Service } from './service.ts'

/** What a TLS server shows, in PEM, and whom it believes. */
export interface TlsSettings {
  readonly cert: string | Buffer
  readonly key: string | Buffer
  /** Clients have to show a certificate that one of these has signed; undefined: they need not show one. */
  readonly clientCa?: string | Buffer | undefined
}

export interface ListenerSettings {
  readonly host: string
  /** 0 takes any free one. */
  readonly port: number
  readonly tls?: TlsSettings | undefined
  /** Connections that are served at the same time. */
  readonly connectionsMax: number
}

/** How often slow and idle connections are looked for. */
const CHECK_MS = 1_000
/** How often at most it is told that there are too many connections. */
const CROWDED_TOLD_MS = 60_000
/** Connections are kept alive by the system, so that it notices who is gone without a word. */
const KEEP_ALIVE_MS = 60_000

/** Takes connections, and looks after them. */
export class Listener {
  readonly #settings: ListenerSettings
  readonly #service: Service
  readonly #server: Server | TlsServer
  readonly #connections = new Map<Socket, Connection>()
  readonly #stopped = new AbortController()
  /** All sockets, those that are still about to speak TLS among them. */
  readonly #sockets = new Set<Socket>()
  /** Of these, by their addresses, those that are about to speak TLS: what is served then is another socket. */
  readonly #greeting = new Map<string, Socket>()
  #crowdedToldMs = Number.NEGATIVE_INFINITY
  /** Time that this process could have heard something in: it may have been stopped. */
  #ownMs = 0

  constructor(service: Service, settings: ListenerSettings) {
    this.#service = service
    this.#settings = settings
    const options = { noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS }
    const { tls } = settings
    if (tls === undefined) {
      this.#server = createServer(options, socket => this.#serve(socket))
    } else {
      const server = createTlsServer({
        ...options,
        ...contextOf(tls),
        handshakeTimeout: GATEWAY_PROVING_MS_MAX,
        ...(tls.clientCa !== undefined && { requestCert: true, rejectUnauthorized: true }),
      })
      server.on('secureConnection', socket => this.#serve(socket))
      server.on('tlsClientError', (error, socket) =>
        service.log(`${addressOf(socket)}: no TLS came of it: ${reasonOf(error)}; the connection is closed`),
      )
      this.#server = server
    }
    this.#server.on('connection', (socket: Socket) => this.#accept(socket))
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#sockets.size
  }

  /** Listens; tells on which port. @throws BROKER_NOT_AVAILABLE */
  async listen(): Promise<number> {
    const { host, port } = this.#settings
    try {
      this.#server.listen({ host, port, backlog: CONNECTIONS_WAITING_MAX })
      // Rejects where the server has an error first.
      await once(this.#server, 'listening')
    } catch (error) {
      throw cannotListen(error, host, port)
    }
    // Such as that there are no descriptors left: it goes on when there are.
    this.#server.on('error', this.#service.reportError)
    void this.#check()
    return (this.#server.address() as AddressInfo).port
  }

  /** What it shows to those who come from now on. @throws where a certificate and a key are none, or not of each other */
  renewTls(tls: TlsSettings): void {
    if ('setSecureContext' in this.#server) this.#server.setSecureContext(contextOf(tls))
  }

  /** Takes no more connections and requests, lets those under way end for so long, and cuts off what is left then. */
  async close(closeMs: number): Promise<void> {
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()))
    for (const connection of this.#connections.values()) connection.drain()
    // Nobody could tell them that it closes.
    for (const socket of this.#greeting.values()) socket.destroy()
    const waiting = new AbortController()
    const cutOff = async () => {
      await this.#service.clock.sleep(closeMs, waiting.signal)
      for (const socket of this.#sockets) socket.destroy()
    }
    void cutOff()
    await closed
    waiting.abort()
    this.#stopped.abort()
    this.#service.renewLog()
  }

  #accept(socket: Socket): void {
    if (this.#sockets.size >= this.#settings.connectionsMax && !this.#closeIdle()) {
      this.#tellCrowded()
      socket.destroy()
      return
    }
    this.#sockets.add(socket)
    const address = addressOf(socket)
    if (this.#settings.tls !== undefined) this.#greeting.set(address, socket)
    socket.once('close', () => {
      this.#sockets.delete(socket)
      if (this.#greeting.get(address) === socket) this.#greeting.delete(address)
    })
    socket.on('error', () => {})
  }

  #serve(socket: Socket): void {
    this.#greeting.delete(addressOf(socket))
    if (socket.destroyed) return
    this.#connections.set(socket, new Connection(socket, this.#service))
    socket.once('close', () => this.#connections.delete(socket))
  }

  /** Makes room for a newcomer: the one that has been idle for longest goes. */
  #closeIdle(): boolean {
    let oldest: { socket: Socket; sinceMs: number } | undefined
    for (const [socket, { idleSinceMs }] of this.#connections) {
      if (idleSinceMs === undefined || this.#ownMs < idleSinceMs + CONNECTION_IDLE_MS_MIN) continue
      if (oldest === undefined || idleSinceMs < oldest.sinceMs) oldest = { socket, sinceMs: idleSinceMs }
    }
    oldest?.socket.destroy()
    return oldest !== undefined
  }

  #tellCrowded(): void {
    if (this.#ownMs < this.#crowdedToldMs + CROWDED_TOLD_MS) return
    this.#crowdedToldMs = this.#ownMs
    this.#service.log(
      `there are as many connections as can be served (${this.#settings.connectionsMax}): others are closed as they come. ` +
        'More descriptors (ulimit -n) let more be served',
    )
  }

  async #check(): Promise<void> {
    const { clock, answers, renewLog } = this.#service
    for (;;) {
      const beganMs = clock.monotonicMs()
      await clock.sleep(CHECK_MS, this.#stopped.signal)
      if (this.#stopped.signal.aborted) return
      // What this process was stopped for is no client's fault.
      this.#ownMs += Math.min(2 * CHECK_MS, clock.monotonicMs() - beganMs)
      for (const connection of this.#connections.values()) connection.check(this.#ownMs, answers.isPressed)
      renewLog()
    }
  }
}

function contextOf({ cert, key, clientCa }: TlsSettings) {
  return { cert, key, minVersion: 'TLSv1.2', ...(clientCa !== undefined && { ca: clientCa }) } as const
}

function addressOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress}:${remotePort}`
}

/** OpenSSL's own words, without where in it they arose. */
function reasonOf(error: Error): string {
  const { reason } = error as { reason?: string }
  return reason ?? error.message.trim()
}
