import { type IncomingMessage, type Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { PROBLEM_TYPE } from '../contract/http/media-types.ts'
import { toProblem } from '../contract/http/problems/problem.ts'
import { TidemarkError } from '../core/errors.ts'

/** Answers what Node would answer without a word, or not at all, as a problem like all others. */
export function answerOddRequests(server: Server): void {
  server.on('checkExpectation', ({ headers }: IncomingMessage, response: ServerResponse) => {
    refuse(response, 417, `Expect: ${headers.expect} cannot be met; 100-continue can.`)
  })
  server.on('connect', (request: IncomingMessage, duplex: Duplex) => {
    const socket = duplex as Socket
    // The client may be gone before it reads what it is told.
    socket.on('error', () => {})
    const response = new ServerResponse(request)
    response.assignSocket(socket)
    response.once('finish', () => socket.destroySoon())
    response.setHeader('allow', 'HEAD, GET, POST, PATCH, DELETE')
    refuse(response, 405, 'CONNECT does not work here: this is no proxy.')
  })
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
