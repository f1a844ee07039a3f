import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'

/** What serves a broker under a prefix, and nothing else; `refuses` says which of its paths are answered with 404. */
export async function startProxy(
  prefix: string,
  port: number,
  refuses: (path: string) => boolean = () => false,
): Promise<{ url: string; [Symbol.asyncDispose](): Promise<void> }> {
  const server = http.createServer((request, response) => {
    const { url = '', method, headers } = request
    const path = url.slice(prefix.length)
    if (!url.startsWith(`${prefix}/`) || refuses(path)) {
      response.writeHead(404).end('There is no such application.')
      return
    }
    const forwarded = http.request({ host: '127.0.0.1', port, method, path, headers }, answer => {
      response.writeHead(answer.statusCode ?? 500, answer.headers)
      answer.pipe(response)
    })
    forwarded.on('error', () => response.destroy())
    request.pipe(forwarded)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
