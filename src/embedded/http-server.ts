import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { getRequestListener } from '@hono/node-server'
import type { HttpApp, ServerContext } from '../contract/http/settings.ts'
import { cannotListen } from '../core/cannot-listen.ts'
import { TidemarkError } from '../core/errors.ts'
import { type LentMemory, MemoryPool } from '../core/lent-memory.ts'
import {
  CONNECTIONS_WAITING_MAX,
  HTTP_CLOSE_TIMEOUT_MS,
  HTTP_HEADER_BYTES_MAX,
  HTTP_HEADERS_TIMEOUT_MS,
  HTTP_KEEP_ALIVE_MS,
  HTTP_REQUEST_TIMEOUT_MS,
  LENT_KEPT_BYTES_MAX,
} from '../core/limits.ts'
import { logAccess } from './access-log.ts'
import { AnswerRoom } from './answer-room.ts'
import { refusalResponse, refuseBrokenRequest } from './broken-request.ts'
import { Connections } from './connections.ts'
import { isLoopback } from './loopback.ts'
import { answerOddRequests, refuseWithoutHost } from './odd-requests.ts'
import { OwnTime } from './own-time.ts'
import { Paces } from './paces.ts'
import { readBody } from './request-body.ts'
import { type ServerLimits, serverLimits } from './server-limits.ts'
import { asksForSocket, openSockets } from './upgrades.ts'
import type { Listeners } from './waking/listeners.ts'

export interface HttpServerSettings {
  /** 127.0.0.1 when it is left out. */
  host?: string
  /** 0 takes any free one. */
  port: number
  /** Permits to listen beyond this machine although the app asks for no token. */
  insecure?: boolean
  /**
   * Permits to replace this process's global Request and Response by ones that cost this server half as much.
   * For a process that does nothing else.
   */
  replaceGlobals?: boolean
  /** How long `close` lets running requests go on. */
  closeTimeoutMs?: number
  /** On whose sockets listeners are woken, where the app offers that. */
  listeners?: Listeners | undefined
  /** Other ones than those that go by what this process has. */
  limits?: Partial<ServerLimits>
  /** Told of each request in a line, once it is answered; nobody when it is left out. */
  tellAccess?: ((line: string) => void) | undefined
  /** What happens to errors that no answer can tell of; they go to stderr when it is left out. */
  reportError?: (error: unknown) => void
}

/** How often slow clients are looked for, at most. */
const CHECK_MS = 1_000

export interface HttpServer {
  /** Where clients on this machine reach it. */
  readonly url: string
  readonly port: number
  /**
   * Takes no new requests, ends long polls, and lets the others finish for a while before it cuts them off.
   * May be called again; all calls resolve when the server has stopped.
   */
  close(): Promise<void>
}

/**
 * Serves an app over HTTP/1.1.
 * @throws POLICY_VIOLATION when it would listen beyond this machine without a token,
 *   BROKER_NOT_AVAILABLE when it cannot listen there
 */
export async function startHttpServer(app: HttpApp, settings: HttpServerSettings): Promise<HttpServer> {
  const {
    host = '127.0.0.1',
    port,
    insecure = false,
    closeTimeoutMs = HTTP_CLOSE_TIMEOUT_MS,
    reportError = console.error,
  } = settings
  checkListenHost(host, app.needsToken, insecure)
  const limits = serverLimits(settings.limits)
  const stopping = new AbortController()
  const boundHosts: string[] = []
  const connections = new Connections(limits)
  const checkMs = Math.min(CHECK_MS, limits.sendPaceMs / 4, limits.bodyPaceMs / 4)
  // A check that comes a little late is none that did not come.
  const time = new OwnTime(2 * checkMs)
  const paces = new Paces(time)
  const answers = new AnswerRoom(limits)
  const memory = new MemoryPool(LENT_KEPT_BYTES_MAX)
  const contextOf = (request: IncomingMessage, response: ServerResponse): ServerContext => {
    let lent: LentMemory | undefined
    return {
      boundHosts,
      stopping: stopping.signal,
      room: answers.of(response),
      get memory() {
        // Most requests take none.
        lent ??= lentFor(response, memory)
        return lent
      },
      readBody: arrived => {
        if (expectsContinue(request)) askForBody(response)
        return readBody(request, paces, limits, arrived)
      },
    }
  }
  const listener = getRequestListener(
    (request, { incoming, outgoing }) =>
      app.fetch(request, contextOf(incoming as IncomingMessage, outgoing as ServerResponse)),
    {
      hostname: host,
      errorHandler: refusalResponse,
      // A server inside of somebody's program must not swap that program's Request and Response.
      overrideGlobalObjects: settings.replaceGlobals ?? false,
    },
  )
  const serve = (request: IncomingMessage, response: ServerResponse) =>
    connections.serve(request, response, () => {
      if (settings.tellAccess) logAccess(request, response, settings.tellAccess)
      if (refuseWithoutHost(request, response)) return
      listener(request, response).catch(error => {
        reportError(error)
        request.destroy()
      })
    })
  const server = createServer(
    {
      maxHeaderSize: HTTP_HEADER_BYTES_MAX,
      requestTimeout: HTTP_REQUEST_TIMEOUT_MS,
      headersTimeout: HTTP_HEADERS_TIMEOUT_MS,
      keepAliveTimeout: HTTP_KEEP_ALIVE_MS,
      connectionsCheckingInterval: 1_000,
      noDelay: true,
      // Refused below, with a word.
      requireHostHeader: false,
      shouldUpgradeCallback: asksForSocket,
    },
    serve,
  )
  server.on('connection', socket => connections.add(socket))
  server.on('clientError', refuseBrokenRequest)
  answerOddRequests(server, (...of) => connections.serve(...of))
  const { listeners } = settings
  const sockets = listeners && new (await import('./waking/socket-server.ts')).SocketServer(listeners)
  openSockets(server, app, connections, sockets, () => ({ boundHosts, isUpgrade: true }))
  server.on('checkContinue', (request, response) => {
    // Whoever waits until he is asked for his body is not to send it where nobody reads it.
    response.setHeader('connection', 'close')
    serve(request, response)
  })
  const checking = setInterval(() => {
    paces.check()
    const sendPaceBytes = answers.isPressed ? limits.sendPressedPaceBytes : limits.sendPaceBytes
    connections.check(time.passedMs(), limits.sendPaceMs, sendPaceBytes)
  }, checkMs).unref()
  server.on('close', () => clearInterval(checking))
  await listen(server, host, port)
  const bound = server.address() as AddressInfo
  boundHosts.push(...namesOf(host).map(name => `${name}:${bound.port}`))

  let closed: Promise<void> | undefined
  return {
    url: `http://${isWildcard(host) ? 'localhost' : inUrl(host)}:${bound.port}`,
    port: bound.port,
    close() {
      sockets?.close()
      closed ??= stop(server, connections, stopping, closeTimeoutMs)
      return closed
    },
  }
}

/**
 * Only this machine may call a server that asks for no token, unless somebody insists.
 * @throws TidemarkError POLICY_VIOLATION
 */
export function checkListenHost(host: string, needsToken: boolean, insecure: boolean): void {
  if (isLoopback(host) || needsToken || insecure) return
  throw new TidemarkError(
    'POLICY_VIOLATION',
    `Listening on ${host} lets everybody in the network read and write. Set a token (--token), listen on ` +
      '127.0.0.1, or permit it all the same (--insecure).',
  )
}

/** What an answer is made in, until it is sent or nobody takes it any more. */
function lentFor(response: ServerResponse, pool: MemoryPool): LentMemory {
  const memory = pool.lend()
  response.once('close', () => memory.leave())
  return memory
}

function expectsContinue(request: IncomingMessage): boolean {
  return request.headers.expect?.toLowerCase() === '100-continue'
}

/** Has the client send the body that it holds back. */
function askForBody(response: ServerResponse): void {
  response.removeHeader('connection')
  response.writeContinue()
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  try {
    server.listen({ host, port, backlog: CONNECTIONS_WAITING_MAX })
    // Rejects where the server has an error first.
    await once(server, 'listening')
  } catch (error) {
    throw cannotListen(error, host, port)
  }
}

async function stop(
  server: Server,
  connections: Connections,
  stopping: AbortController,
  timeoutMs: number,
): Promise<void> {
  const closed = new Promise<void>(resolve => server.close(() => resolve()))
  connections.drain()
  stopping.abort()
  const cutOff = setTimeout(() => server.closeAllConnections(), timeoutMs)
  await closed
  clearTimeout(cutOff)
}

function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

/** The names of a Host header that mean this server. */
function namesOf(host: string): string[] {
  if (!isWildcard(host)) return [inUrl(host)]
  // An attacker's page can point a name of its own here, but cannot make the browser say an address instead.
  return Object.values(networkInterfaces()).flatMap(addresses =>
    (addresses ?? []).map(({ address }) => inUrl(address)),
  )
}

function inUrl(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}
