import { type IncomingMessage, type Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { PROBLEM_TYPE } from '../contract/http/media-types.ts'
import { toProblem } from '../contract/http/problems/problem.ts'
import { TidemarkError } from '../core/errors.ts'

/**
 * Answers what Node would answer without a word, or not at all, as a problem like all others.
 * @param serve has a request answered in its turn
 */
export function answerOddRequests(
  server: Server,
  serve: (request: IncomingMessage, response: ServerResponse, answer: () => void) => void,
): void {
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    const { expect } = request.headers
    serve(request, response, () =>
      refuse(response, 417, `Expect: ${expect} cannot be met; 100-continue can.`),
    )
  })
  server.on('connect', (request: IncomingMessage, duplex: Duplex) => {
    const socket = duplex as Socket
    // The client may be gone before it reads what it is told.
    socket.on('error', () => {})
    refuseConnect(request, socket)
  })
}

function refuseConnect(request: IncomingMessage, socket: Socket): void {
  if (!socket.writable) return
  // Node keeps the connection's current answer there, and lets no other one begin before its end.
  const { _httpMessage: before } = socket as { _httpMessage?: ServerResponse | null }
  if (before) {
    before.once('close', () => refuseConnect(request, socket))
    return
  }
  const response = new ServerResponse(request)
  response.assignSocket(socket)
  response.once('finish', () => socket.destroySoon())
  response.setHeader('allow', 'HEAD, GET, POST, PATCH, DELETE')
  refuse(response, 405, 'CONNECT does not work here: this is no proxy.')
}

/** HTTP/1.1 wants a Host. Tells whether it is missing, which is then answered. */
export function refuseWithoutHost(
  { headers, httpVersion }: IncomingMessage,
  response: ServerResponse,
): boolean {
  if (headers.host !== undefined || httpVersion !== '1.1') return false
  refuse(response, 400, 'The request has no Host header.')
  return true
}

function refuse(response: ServerResponse, status: number, message: string): void {
  const body = JSON.stringify(toProblem(new TidemarkError('INVALID_REQUEST', message), status))
  response.writeHead(status, {
    'content-type': PROBLEM_TYPE,
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  })
  response.end(body)
}
