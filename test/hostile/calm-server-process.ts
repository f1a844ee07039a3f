/**
 * A server that nobody attacks: what it takes to answer is the machine's share, also of what the attacked one takes. Tells
 * its parent its URL.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const server = createServer((_request, response) => response.end('{}'))
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  process.send!(`http://127.0.0.1:${port}`)
})
process.on('disconnect', () => process.exit(0))
