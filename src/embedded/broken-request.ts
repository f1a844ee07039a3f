import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { PROBLEM_TYPE } from '../contract/http/media-types.ts'
import { toProblem } from '../contract/http/problems/problem.ts'
import { TidemarkError } from '../core/errors.ts'
import { HTTP_HEADER_BYTES_MAX } from '../core/limits.ts'

/** How long the body of a request may take that is refused. */
const REFUSED_BODY_MS_MAX = 1_000

const PROBLEM_HEADERS = { 'content-type': PROBLEM_TYPE, connection: 'close' }

/**
 * Answers what does not even become a request, as a problem like all others: Node's `clientError`.
 */
export function refuseBrokenRequest(error: NodeJS.ErrnoException, socket: Duplex): void {
  const answer = answerOwedBy(socket)
  // The client is gone, or an answer is already under way, into which nothing else can be written.
  if (error.code === 'ECONNRESET' || !socket.writable || answer?.headersSent) {
    socket.destroy()
    return
  }
  if (answer?.req.complete) {
    // It would be taken for the answer to the one before, which may be writing.
    answer.setHeader('connection', 'close')
    socket.pause()
    return
  }
  const { status, message } = reasonFor(error.code)
  const body = JSON.stringify(toProblem(new TidemarkError('INVALID_REQUEST', message), status))
  socket.end(toText(status, { ...PROBLEM_HEADERS, 'content-length': Buffer.byteLength(body) }, body))
}

/** Tells whoever connects when there are too many connections to come back later, before he has said anything. */
export function refuseConnection(socket: Socket): void {
  const { status, headers, body } = tooManyConnections()
  // What is about to fail is the refusal and no request.
  socket.on('error', () => {})
  socket.write(toText(status, headers, body))
  socket.destroySoon()
}

/** The same as the answer to a request, once all of that has come: else it may never be read. */
export function refuseRequest(request: IncomingMessage, response: ServerResponse): void {
  const answer = () => {
    clearTimeout(late)
    if (response.headersSent) return
    const { status, headers, body } = tooManyConnections()
    response.writeHead(status, headers).end(body)
  }
  // One that waits to be asked for its body sends none.
  const late = setTimeout(answer, request.headers.expect === undefined ? REFUSED_BODY_MS_MAX : 0)
  response.once('close', () => clearTimeout(late))
  request.once('end', answer)
  request.resume()
}

function tooManyConnections() {
  const message =
    'There are as many connections as this server can have. Try again later, or let it have more descriptors (ulimit -n).'
  const status = 429
  const body = JSON.stringify(toProblem(new TidemarkError('THROTTLING_QUOTA_EXCEEDED', message), status))
  const headers = { ...PROBLEM_HEADERS, 'content-length': Buffer.byteLength(body), 'retry-after': '1' }
  return { status, headers, body }
}

function toText(status: number, headers: Readonly<Record<string, string | number>>, body: string): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  return [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines, '', body].join('\r\n')
}

/** The answer to a request whose Host header or target cannot be understood. */
export function refusalResponse(error: unknown): Response {
  const message = `The request cannot be understood: ${(error as Error).message}.`
  const problem = toProblem(new TidemarkError('INVALID_REQUEST', message), 400)
  return new Response(JSON.stringify(problem), { status: 400, headers: { 'content-type': PROBLEM_TYPE } })
}

function answerOwedBy(socket: Duplex): ServerResponse | null | undefined {
  // Node keeps the connection's current answer there, and offers no other way to see it.
  return (socket as { _httpMessage?: ServerResponse | null })._httpMessage
}

function reasonFor(code: string | undefined): { status: number; message: string } {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return { status: 431, message: `The headers are larger than ${HTTP_HEADER_BYTES_MAX} bytes.` }
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { status: 408, message: 'The request did not arrive in time. Nothing of it was written.' }
    default:
      return { status: 400, message: 'This is not an HTTP/1.1 request.' }
  }
}
