import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** Connections that speak HTTP as badly as they are told to. */
export class RawConnections {
  readonly #port: number
  readonly #sockets: Socket[] = []
  #broken = 0

  constructor(port: number) {
    this.#port = port
  }

  get sockets(): readonly Socket[] {
    return this.#sockets
  }

  /** Those that were refused, reset or closed. */
  get broken(): number {
    return this.#broken
  }

  get localPorts(): Set<number> {
    return new Set(
      this.#sockets.flatMap(socket => (socket.localPort === undefined ? [] : [socket.localPort])),
    )
  }

  /** @param isReading false: what comes stays where it is, from the first byte on */
  async open(isReading: boolean): Promise<Socket> {
    const socket = connect({ host: '127.0.0.1', port: this.#port, noDelay: true })
    this.#sockets.push(socket)
    socket.on('error', () => {})
    socket.once('close', () => this.#broken++)
    if (isReading) socket.resume()
    else socket.pause()
    await Promise.race([once(socket, 'connect').catch(() => {}), once(socket, 'close')])
    return socket
  }

  openMany(count: number, isReading: boolean): Promise<Socket[]> {
    return Promise.all(Array.from({ length: count }, () => this.open(isReading)))
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
  }
}

/** A request's head, as it goes over the wire. */
export function requestHead(
  method: string,
  path: string,
  headers: Readonly<Record<string, string | number>> = {},
): string {
  const lines = Object.entries({ host: '127.0.0.1', ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  )
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`
}
