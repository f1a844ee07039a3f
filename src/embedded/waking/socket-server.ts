import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import {
  LISTENER_MESSAGE_BYTES_MAX,
  LISTENER_MESSAGES_PER_SECOND_MAX,
  LISTENER_SENT_BYTES_MAX,
  LISTENER_SOCKETS_MAX,
} from '../../core/limits.ts'
import {
  CLOSE_CODES,
  encodeError,
  encodeTicket,
  encodeWakes,
  parseListenerMessage,
} from '../../core/waking/messages.ts'
import type { Listeners } from './listeners.ts'

/** How long a socket that is told to close has for it. */
const CLOSE_MS = 1_000
/** How often it is looked whether a listener is there still: one that does not answer until the next time is not. */
const ALIVE_MS = 60_000
/** The first message of a socket may take so long. */
const HELLO_MS = 30_000

/** The sockets on which listeners are woken. */
export class SocketServer {
  readonly #listeners: Listeners
  readonly #server = new WebSocketServer({
    noServer: true,
    maxPayload: LISTENER_MESSAGE_BYTES_MAX,
    perMessageDeflate: false,
    clientTracking: true,
    // Counted below: else who asks on and on and reads nothing fills the memory with answers.
    autoPong: false,
  })
  readonly #checking: NodeJS.Timeout

  constructor(listeners: Listeners) {
    this.#listeners = listeners
    this.#checking = setInterval(() => this.#checkAlive(), ALIVE_MS).unref()
  }

  /** Whether there is room for another one. */
  get hasRoom(): boolean {
    return this.#server.clients.size < LISTENER_SOCKETS_MAX
  }

  /** Takes a connection whose client may have a socket. */
  open(request: IncomingMessage, connection: Duplex, head: Buffer): void {
    this.#server.handleUpgrade(request, connection, head, socket => this.#serve(socket))
  }

  /** Tells all that the broker stops. */
  close(): void {
    clearInterval(this.#checking)
    for (const socket of this.#server.clients) end(socket, CLOSE_CODES.brokerStops, 'the broker stops')
    this.#server.close()
  }

  #serve(socket: WebSocket): void {
    const send = (message: string) => sendTo(socket, message)
    const listener = this.#listeners.add({
      wake: wakes => encodeWakes(wakes).forEach(send),
    })
    const silent = setTimeout(() => refuse(socket, CLOSE_CODES.notUnderstood, 'say hello first'), HELLO_MS)
    alive.set(socket, true)
    socket.on('pong', () => alive.set(socket, true))
    // Told by the close that follows.
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(silent)
      listener.remove()
    })
    const pace = new Pace()
    socket.on('ping', data => {
      if (pace.allows()) socket.pong(data, false, () => {})
      else refuse(socket, CLOSE_CODES.tooMany, TOO_OFTEN)
    })
    socket.on('message', (data, isBinary) => {
      if (socket.readyState !== socket.OPEN) return
      if (!pace.allows()) {
        refuse(socket, CLOSE_CODES.tooMany, TOO_OFTEN)
        return
      }
      try {
        if (isBinary) throw new RangeError('it is no text')
        const { type } = parseListenerMessage(String(data))
        if (type === 'ping') return
        clearTimeout(silent)
        const { ticket, expiresMs } = listener.ticket()
        send(encodeTicket(ticket, expiresMs))
      } catch (error) {
        refuse(
          socket,
          CLOSE_CODES.notUnderstood,
          `The message is not understood: ${(error as Error).message}.`,
        )
      }
    })
  }

  #checkAlive(): void {
    for (const socket of this.#server.clients) {
      if (alive.get(socket) === false) {
        socket.terminate()
        continue
      }
      alive.set(socket, false)
      socket.ping()
    }
  }
}

const TOO_OFTEN = `${LISTENER_MESSAGES_PER_SECOND_MAX} messages a second are enough`

const alive = new WeakMap<WebSocket, boolean>()

/** What one socket may say. */
class Pace {
  #sinceMs = performance.now()
  #messages = 0

  allows(): boolean {
    const nowMs = performance.now()
    if (nowMs - this.#sinceMs > 1_000) {
      this.#sinceMs = nowMs
      this.#messages = 0
    }
    this.#messages += 1
    return this.#messages <= LISTENER_MESSAGES_PER_SECOND_MAX
  }
}

/** One that does not read is dropped: what it was to be told it finds by looking. */
function sendTo(socket: WebSocket, message: string): void {
  if (socket.readyState !== socket.OPEN) return
  if (socket.bufferedAmount + message.length > LISTENER_SENT_BYTES_MAX) {
    end(socket, CLOSE_CODES.doesNotRead, 'what it is told is not read')
    return
  }
  socket.send(message, () => {})
}

function refuse(socket: WebSocket, code: number, detail: string): void {
  sendTo(socket, encodeError('INVALID_REQUEST', detail))
  end(socket, code, detail.slice(0, 100))
}

function end(socket: WebSocket, code: number, reason: string): void {
  if (socket.readyState !== socket.OPEN) return
  socket.close(code, reason)
  setTimeout(() => socket.terminate(), CLOSE_MS).unref()
}
