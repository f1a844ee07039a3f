import type { IncomingMessage, ServerResponse } from 'node:http'

/** What signs a URL may be used by whoever reads it. */
const SECRETS = /([?&]signature=)[^&]*/g

/**
 * Tells of each request once it is answered, or given up: when it came, from where, what it asked, its status (-: none
 * went out), how long it took and the bytes that the connection took for it. One line, with no secret in it.
 */
export function logAccess(
  request: IncomingMessage,
  response: ServerResponse,
  tell: (line: string) => void,
): void {
  const cameMs = Date.now()
  const beganMs = performance.now()
  const { socket, method = '-', url = '-' } = request
  const { remoteAddress = '-', bytesWritten } = socket
  response.once('close', () => {
    const status = response.headersSent ? response.statusCode : '-'
    const took = `${(performance.now() - beganMs).toFixed(1)} ms`
    const cut = response.writableFinished ? '' : ', cut off'
    const asked = `${method} ${url.replaceAll(SECRETS, '$1…')}`
    tell(
      `${new Date(cameMs).toISOString()} ${remoteAddress} ${asked} ${status} ${took} ${socket.bytesWritten - bytesWritten} B${cut}`,
    )
  })
}
