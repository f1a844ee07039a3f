import { createServer, request as forward } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface SwallowingProxy {
  url: string
  /** Requests that fit, as `GET /topics/tides`, are swallowed so many times: before the broker sees them, or their answers. */
  swallow(pattern: RegExp, what: 'request' | 'answer', times?: number): void
  /** How many are left to be swallowed. */
  readonly left: number
  /** Requests that fitted the last pattern. */
  readonly seen: number
  close(): Promise<void>
}

/** A network between a client and a broker that swallows what it is told to. */
export async function swallowingProxy(brokerUrl: string): Promise<SwallowingProxy> {
  const { hostname, port } = new URL(brokerUrl)
  let swallowed = { pattern: /(?!)/, what: 'request', left: 0 }
  let seen = 0
  const server = createServer((incoming, response) => {
    const { method = '', url = '', headers } = incoming
    const fits = swallowed.pattern.test(`${method} ${url}`)
    if (fits) seen++
    const isSwallowed = fits && swallowed.left > 0
    if (isSwallowed) swallowed.left--
    if (isSwallowed && swallowed.what === 'request') return
    // The host as the client named it is not the broker's.
    const outgoing = forward({
      hostname,
      port,
      method,
      path: url,
      headers: { ...headers, host: `${hostname}:${port}` },
    })
    outgoing.on('response', answer => {
      if (isSwallowed) answer.resume()
      else {
        response.writeHead(answer.statusCode ?? 500, answer.headers)
        answer.pipe(response)
      }
    })
    outgoing.on('error', () => response.destroy())
    if (!isSwallowed) response.on('close', () => outgoing.destroy())
    incoming.pipe(outgoing)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    swallow(pattern, what, times = 1) {
      swallowed = { pattern, what, left: times }
      seen = 0
    },
    get left() {
      return swallowed.left
    },
    get seen() {
      return seen
    },
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
