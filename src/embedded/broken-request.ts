import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { PROBLEM_TYPE } from '../contract/http/media-types.ts'
import { toProblem } from '../contract/http/problems/problem.ts'
import { TidemarkError } from '../core/errors.ts'
import { HTTP_HEADER_BYTES_MAX } from '../core/limits.ts'

/**
 * Answers what does not even become a request, as a problem like all others: Node's `clientError`.
 */
export function refuseBrokenRequest(error: NodeJS.ErrnoException, socket: Duplex): void {
  // The client is gone, or an answer is already under way, into which nothing else can be written.
  if (error.code === 'ECONNRESET' || !socket.writable || hasAnswerUnderWay(socket)) {
    socket.destroy()
    return
  }
  const { status, message } = reasonFor(error.code)
  const body = JSON.stringify(toProblem(new TidemarkError('INVALID_REQUEST', message), status))
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      `content-type: ${PROBLEM_TYPE}`,
      `content-length: ${Buffer.byteLength(body)}`,
      'connection: close',
      '',
      body,
    ].join('\r\n'),
  )
}

/** The answer to a request whose Host header or target cannot be understood. */
export function refusalResponse(error: unknown): Response {
  const message = `The request cannot be understood: ${(error as Error).message}.`
  const problem = toProblem(new TidemarkError('INVALID_REQUEST', message), 400)
  return new Response(JSON.stringify(problem), { status: 400, headers: { 'content-type': PROBLEM_TYPE } })
}

function hasAnswerUnderWay(socket: Duplex): boolean {
  // Node keeps the connection's current answer there, and offers no other way to see it.
  const { _httpMessage: answer } = socket as { _httpMessage?: { headersSent: boolean } }
  return answer?.headersSent === true
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
