import { connect, type Socket } from 'node:net'
import type { Api } from '../../src/gateway/wire/api.ts'
import { encodeRequestFrame, responseBodyAt } from '../../src/gateway/wire/header.ts'

/** One connection to a broker over Kafka's protocol, with our own tables: asks one thing after the other. */
export class WireClient {
  readonly #socket: Socket
  #received: Buffer = Buffer.alloc(0)
  #wake: () => void = () => {}
  #hasEnded = false
  #correlationId = 0

  static async connect(host: string, port: number): Promise<WireClient> {
    const socket = connect({ port, host, noDelay: true })
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    return new WireClient(socket)
  }

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', data => {
      this.#received = Buffer.concat([this.#received, data])
      this.#wake()
    })
    for (const event of ['error', 'close']) {
      socket.on(event, () => {
        this.#hasEnded = true
        this.#wake()
      })
    }
  }

  /** What the broker answers; undefined where it ends the connection instead. */
  async ask<Written, Read>(
    api: Api<unknown, unknown, Written, Read>,
    version: number,
    request: Written,
  ): Promise<Read | undefined> {
    this.send(api, version, request)
    const frame = await this.#frame()
    if (!frame) return undefined
    return api.decodeResponse(version, frame, responseBodyAt(api, version, frame).bodyAt)
  }

  /** Waits for no answer. */
  send<Written>(api: Api<unknown, unknown, Written, unknown>, version: number, request: Written): void {
    this.#correlationId += 1
    const header = { correlationId: this.#correlationId, clientId: 'compare' }
    for (const chunk of encodeRequestFrame(api, version, header, request)) this.#socket.write(chunk)
  }

  close(): void {
    this.#socket.destroy()
  }

  async #frame(): Promise<Uint8Array | undefined> {
    for (;;) {
      const length = this.#received.length < 4 ? Number.POSITIVE_INFINITY : this.#received.readInt32BE(0)
      if (this.#received.length >= 4 + length) {
        const frame = this.#received.subarray(4, 4 + length)
        this.#received = this.#received.subarray(4 + length)
        return frame
      }
      if (this.#hasEnded) return undefined
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }
}
