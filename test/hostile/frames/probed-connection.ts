import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Mutation } from './mutations.ts'

/** Long enough for whatever is answered; what waits for records, or for other members, is left alone. */
const PATIENCE_MS = 500
/** What says that more bytes come is only looked at. */
const BROKEN_PATIENCE_MS = 10
const PROBE_ID = 0x7afe_cafe

/** A connection that follows each frame with a question whose answer tells that the frame has been dealt with. */
export class ProbedConnection {
  readonly #socket: Socket
  #received: Buffer = Buffer.alloc(0)
  #settle: ((outcome: Outcome) => void) | undefined
  #hasEnded = false

  static async open(port: number): Promise<ProbedConnection> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true })
    socket.on('error', () => {})
    await Promise.race([once(socket, 'connect').catch(() => {}), once(socket, 'close')])
    return new ProbedConnection(socket)
  }

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', data => this.#take(data))
    socket.on('close', () => {
      this.#hasEnded = true
      this.#settle?.('closed')
    })
  }

  async send({ bytes, isWhole }: Mutation): Promise<Outcome> {
    if (this.#hasEnded) return 'closed'
    const { promise, resolve } = Promise.withResolvers<Outcome>()
    this.#settle = resolve
    const waiting = setTimeout(() => resolve('waiting'), isWhole ? PATIENCE_MS : BROKEN_PATIENCE_MS)
    this.#socket.write(Buffer.concat([bytes, PROBE]))
    const outcome = await promise
    clearTimeout(waiting)
    this.#settle = undefined
    return outcome
  }

  close(): void {
    this.#socket.destroy()
  }

  #take(data: Buffer): void {
    this.#received = this.#received.length === 0 ? data : Buffer.concat([this.#received, data])
    while (this.#received.length >= 8) {
      const end = 4 + this.#received.readInt32BE(0)
      if (this.#received.length < end) return
      if (this.#received.readInt32BE(4) === PROBE_ID) this.#settle?.('answered')
      this.#received = this.#received.subarray(end)
    }
  }
}

/** What became of a frame: it was answered, or ended its connection, or neither in time. */
export type Outcome = 'answered' | 'closed' | 'waiting'

/** ApiVersions 0, without a client id. */
const PROBE = Buffer.alloc(14)
PROBE.writeInt32BE(10, 0)
PROBE.writeInt16BE(18, 4)
PROBE.writeInt16BE(0, 6)
PROBE.writeInt32BE(PROBE_ID, 8)
PROBE.writeInt16BE(-1, 12)
