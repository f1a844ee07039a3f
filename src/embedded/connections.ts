import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/**
 * A server's connections and the answers that each still owes, so that a stop can close at once those that owe
 * none. Node's closeIdleConnections leaves out those on which no request ever came.
 */
export class Connections {
  readonly #owed = new Map<Socket, Set<ServerResponse>>()
  #isDraining = false

  add(socket: Socket): void {
    this.#owed.set(socket, new Set())
    socket.once('close', () => this.#owed.delete(socket))
  }

  /** Notes that a request has come, which `response` will answer. */
  begin(response: ServerResponse): void {
    const { socket } = response
    const owed = socket && this.#owed.get(socket)
    if (!owed) return
    owed.add(response)
    if (this.#isDraining) response.setHeader('connection', 'close')
    response.once('close', () => {
      owed.delete(response)
      if (this.#isDraining && owed.size === 0) socket.destroySoon()
    })
  }

  /** Closes each connection as soon as it owes no answer. */
  drain(): void {
    this.#isDraining = true
    for (const [socket, owed] of this.#owed) {
      if (owed.size === 0) socket.destroySoon()
      for (const response of owed) {
        if (!response.headersSent) response.setHeader('connection', 'close')
      }
    }
  }
}
