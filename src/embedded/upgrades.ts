import { type IncomingMessage, type Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { PROBLEM_TYPE } from '../contract/http/media-types.ts'
import { toProblem } from '../contract/http/problems/problem.ts'
import type { HttpApp, ServerContext } from '../contract/http/settings.ts'
import { TidemarkError } from '../core/errors.ts'
import type { Connections } from './connections.ts'
import { WAKING_PATH } from './waking/listeners.ts'
import type { SocketServer } from './waking/socket-server.ts'

/** Whether a request asks for another protocol that is spoken there; any other is answered as if it did not ask. */
export function asksForSocket({ method, url, headers }: IncomingMessage): boolean {
  const isThere = method === 'GET' && url?.split('?', 1)[0] === WAKING_PATH
  return isThere && headers.upgrade?.toLowerCase() === 'websocket'
}

/** Opens sockets for listeners, on which the app has to agree as on any other request. */
export function openSockets(
  server: Server,
  app: HttpApp,
  connections: Connections,
  sockets: SocketServer | undefined,
  context: () => ServerContext,
): void {
  server.on('upgrade', (request: IncomingMessage, duplex: Duplex, head: Buffer) => {
    const socket = duplex as Socket
    // The client may be gone before it reads what it is told.
    const ignore = () => {}
    socket.on('error', ignore)
    const open = async () => {
      // Only older Nodes ask for other protocols here, too.
      const answer = asksForSocket(request)
        ? await app.fetch(toRequest(request), context())
        : noSuchProtocol()
      if (answer.status !== 204) return await refuse(request, socket, answer)
      if (sockets === undefined || !sockets.hasRoom || !connections.take(socket))
        return await refuse(request, socket, tooMany())
      socket.off('error', ignore)
      sockets.open(request, socket, head)
    }
    open().catch(() => socket.destroy())
  })
}

/** As the app sees it. */
function toRequest({ headers }: IncomingMessage): Request {
  const told = new Headers()
  for (const [name, value] of Object.entries(headers)) {
    // Those that are of the connection alone, and of the protocol that is asked for, say nothing of who asks.
    if (value === undefined || OF_CONNECTION.test(name)) continue
    for (const each of [value].flat()) told.append(name, each)
  }
  return new Request(`http://localhost${WAKING_PATH}`, { headers: told })
}

const OF_CONNECTION = /^(?:connection|upgrade|sec-websocket-.*|transfer-encoding|content-length)$/

async function refuse(request: IncomingMessage, socket: Socket, answer: Response): Promise<void> {
  if (!socket.writable) return
  const body = Buffer.from(await answer.arrayBuffer())
  const response = new ServerResponse(request)
  response.assignSocket(socket)
  response.once('finish', () => socket.destroySoon())
  const headers = Object.fromEntries(answer.headers)
  response.writeHead(answer.status, { ...headers, 'content-length': body.length, connection: 'close' })
  response.end(body)
}

function noSuchProtocol(): Response {
  const error = new TidemarkError(
    'INVALID_REQUEST',
    `By Upgrade, only a WebSocket on ${WAKING_PATH} can be asked for: leave it out.`,
  )
  return problem(error, 400)
}

function tooMany(): Response {
  const message = 'There are as many sockets as this server can have. Try again later, or poll.'
  return problem(new TidemarkError('THROTTLING_QUOTA_EXCEEDED', message), 429)
}

function problem(error: TidemarkError, status: number): Response {
  const headers = { 'content-type': PROBLEM_TYPE }
  return new Response(JSON.stringify(toProblem(error, status)), { status, headers })
}
