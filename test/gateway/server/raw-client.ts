import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { MemoryPool } from '../../../src/core/lent-memory.ts'
import { systemClock } from '../../../src/embedded/system.ts'
import type { GatewayBroker } from '../../../src/gateway/apis/context.ts'
import type { Handler } from '../../../src/gateway/apis/handler.ts'
import { type GatewayOptions, openGateway } from '../../../src/gateway/gateway.ts'
import { FrameReader } from '../../../src/gateway/server/frames.ts'
import { encodeRequestFrame, responseBodyAt } from '../../../src/gateway/wire/header.ts'

/** What of a client's side of an API is needed here. */
interface Asked<Request, Response> {
  readonly key: number
  isFlexible(version: number): boolean
  encodeRequest(version: number, body: Request): Uint8Array[]
  decodeResponse(version: number, bytes: Uint8Array, start?: number): Response
}

/** A connection on which single frames are sent and received. */
export class RawClient {
  readonly socket: Socket
  readonly #reader = new FrameReader(new MemoryPool(0))
  readonly #frames: Uint8Array[] = []
  #correlationId = 0
  #wake = () => {}
  hasEnded = false

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', piece => {
      this.#reader.push(piece)
      for (let frame = this.#reader.read(); frame; frame = this.#reader.read()) this.#frames.push(frame.bytes)
      this.#wake()
    })
    socket.on('error', () => {})
    socket.once('close', () => {
      this.hasEnded = true
      this.#wake()
    })
  }

  send(...pieces: readonly Uint8Array[]): void {
    this.socket.write(Buffer.concat(pieces))
  }

  /** A frame of any bytes. */
  sendFrame(body: Uint8Array): void {
    const length = Buffer.alloc(4)
    length.writeInt32BE(body.length)
    this.send(length, body)
  }

  request<Request, Response>(api: Asked<Request, Response>, version: number, body: Request): Buffer {
    this.#correlationId += 1
    const header = { correlationId: this.#correlationId, clientId: 'raw' }
    return Buffer.concat(encodeRequestFrame(api, version, header, body))
  }

  ask<Request, Response>(api: Asked<Request, Response>, version: number, body: Request): void {
    this.send(this.request(api, version, body))
  }

  /** The next frame; undefined where the connection ends first. */
  async frame(): Promise<Uint8Array | undefined> {
    while (this.#frames.length === 0 && !this.hasEnded) {
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
    return this.#frames.shift()
  }

  async answer<Request, Response>(
    api: Asked<Request, Response>,
    version: number,
  ): Promise<Response & { readonly correlationId: number }> {
    const frame = await this.frame()
    if (frame === undefined) throw new Error('the connection ended before the answer')
    const { correlationId, bodyAt } = responseBodyAt(api, version, frame)
    return { ...api.decodeResponse(version, frame, bodyAt), correlationId }
  }

  async roundTrip<Request, Response>(api: Asked<Request, Response>, version: number, body: Request) {
    this.ask(api, version, body)
    return await this.answer(api, version)
  }

  /** Resolves when the other side has closed it. */
  async ended(): Promise<void> {
    if (!this.hasEnded) await new Promise(resolve => this.socket.once('close', resolve))
  }
}

export async function rawClient(port: number): Promise<RawClient> {
  const socket = connect({ port, host: '127.0.0.1' })
  await once(socket, 'connect')
  onTestFinished(() => void socket.destroy())
  return new RawClient(socket)
}

/** A gateway with these handlers, in front of no broker, and what it logs. */
export async function startGateway(handlers: readonly Handler[], options: Partial<GatewayOptions> = {}) {
  const logged: string[] = []
  const bugs: unknown[] = []
  const broker = { listTopics: async () => [] } as unknown as GatewayBroker
  const gateway = await openGateway(broker, {
    port: 0,
    clusterId: 'tides',
    handlers,
    clock: systemClock,
    log: line => logged.push(line),
    reportError: error => bugs.push(error),
    ...options,
  })
  onTestFinished(() => gateway.close())
  return { gateway, logged, bugs, client: () => rawClient(gateway.port) }
}

/** Looks again and again, until it is so. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise(resolve => setTimeout(resolve, 5))
}
