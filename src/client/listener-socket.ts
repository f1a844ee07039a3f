import type { WebSocket } from 'ws'
import type { Socket, SocketListener } from '../contract/waking/socket.ts'
import { LISTENER_SENT_BYTES_MAX, TICKET_WAIT_MS } from '../core/limits.ts'
import { encodeListenerMessage, type ListenerMessage, parseBrokerMessage } from '../core/waking/messages.ts'

/** How often it is asked whether the other side is there still. */
const ALIVE_MS = 60_000

export interface SocketAddress {
  /** ws: or wss: */
  readonly url: string
  /** What proves who asks. */
  headers(): Promise<Readonly<Record<string, string>>>
}

/** Opens a WebSocket and asks for a ticket. What goes wrong is told by `closed`, and nothing is thrown. */
export function openListenerSocket(address: SocketAddress, listener: SocketListener): Socket {
  return new ListenerSocket(address, listener)
}

class ListenerSocket implements Socket {
  readonly #listener: SocketListener
  #socket: WebSocket | undefined
  #isOver = false
  #hasTicket = false
  /** Whether the last question was answered; undefined: none ever was, and the other side may not do that. */
  #isAlive: boolean | undefined
  #checking: NodeJS.Timeout | undefined
  readonly #late: NodeJS.Timeout

  constructor(address: SocketAddress, listener: SocketListener) {
    this.#listener = listener
    this.#late = setTimeout(() => this.#end(new Error('no ticket came in time')), TICKET_WAIT_MS)
    this.#open(address).catch(error => this.#end(error))
  }

  ping(): void {
    this.#say({ type: 'ping' })
  }

  close(): void {
    this.#end(undefined)
  }

  async #open({ url, headers }: SocketAddress): Promise<void> {
    // Not before it is needed: most programs never wait at a broker that wakes them.
    const [{ WebSocket }, proof] = await Promise.all([import('ws'), headers()])
    if (this.#isOver) return
    const socket = new WebSocket(url, {
      headers: proof,
      handshakeTimeout: TICKET_WAIT_MS,
      followRedirects: false,
      perMessageDeflate: false,
      maxPayload: LISTENER_SENT_BYTES_MAX,
    })
    this.#socket = socket
    socket.on('error', error => this.#end(error))
    socket.on('close', (code, reason) =>
      this.#end(new Error(`it was closed: ${code} ${String(reason)}`.trimEnd())),
    )
    socket.on('open', () => this.#say({ type: 'hello' }))
    socket.on('message', (data, isBinary) => {
      if (!isBinary) this.#hear(String(data))
    })
    socket.on('pong', () => {
      this.#isAlive = true
    })
    this.#checking = setInterval(() => this.#checkAlive(), ALIVE_MS).unref()
  }

  #hear(text: string): void {
    if (this.#isOver) return
    try {
      const message = parseBrokerMessage(text)
      if (message === undefined) return
      if (message.type === 'ticket') {
        this.#hasTicket = true
        clearTimeout(this.#late)
      }
      this.#listener.heard(message)
    } catch (error) {
      this.#end(error as Error)
    }
  }

  #checkAlive(): void {
    if (this.#isAlive === false) {
      this.#end(new Error('it does not answer any more'))
      return
    }
    if (this.#isAlive) this.#isAlive = false
    if (this.#hasTicket) this.#socket?.ping()
  }

  #say(message: ListenerMessage): void {
    const socket = this.#socket
    if (socket?.readyState === socket?.OPEN) socket?.send(encodeListenerMessage(message), () => {})
  }

  #end(error: Error | undefined): void {
    if (this.#isOver) return
    this.#isOver = true
    clearTimeout(this.#late)
    clearInterval(this.#checking)
    const socket = this.#socket
    if (socket && error === undefined) {
      socket.close(1000)
      // Whoever ends does not wait for the other side to agree.
      setTimeout(() => socket.terminate(), 1_000).unref()
    } else socket?.terminate()
    this.#listener.closed(error)
  }
}
