import { randomBytes } from 'node:crypto'
import { HttpBroker } from '../../../src/client/http-broker.ts'
import type { Broker } from '../../../src/contract/broker.ts'
import type { GroupBroker } from '../../../src/contract/groups.ts'
import { createHttpApp } from '../../../src/contract/http/app.ts'
import type { HttpPorts, HttpSettings } from '../../../src/contract/http/settings.ts'
import { UrlSigner } from '../../../src/contract/http/trust/signed-url.ts'
import type { TransactionBroker } from '../../../src/contract/transactions.ts'
import type { TriggerBroker } from '../../../src/contract/triggers.ts'
import { openInMemory } from '../../../src/embedded/embedded.ts'
import { type HttpServerSettings, startHttpServer } from '../../../src/embedded/http-server.ts'

export interface Served {
  url: string
  port: number
  broker: Broker
  client: HttpBroker
  /** What the server logged. */
  logged: { message: string; error: unknown }[]
  get(path: string, headers?: Record<string, string>): Promise<Answer>
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

interface Answer {
  status: number
  headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  json: any
  bytes: Uint8Array
}

export interface ServedOptions {
  app?: HttpSettings
  server?: Partial<HttpServerSettings>
  ports?: Partial<HttpPorts>
  /** Between the HTTP form and the broker in memory. */
  wrap?: (
    broker: Broker & GroupBroker & TransactionBroker & TriggerBroker,
  ) => Broker & GroupBroker & TransactionBroker & TriggerBroker
}

/** A real server on loopback, in front of a broker in memory. */
export async function serveBroker(options: ServedOptions = {}): Promise<Served> {
  const signer = new UrlSigner({ secret: randomBytes(32) })
  const embedded = openInMemory({
    locator: { locate: async (key, position, bytes) => signer.sign(key, position, bytes, Date.now()) },
  })
  const broker = options.wrap?.(embedded.broker) ?? embedded.broker
  const logged: Served['logged'] = []
  const app = createHttpApp(
    {
      broker,
      objects: { signer, get: (key, position, bytes) => embedded.objects.get(key, position, bytes) },
      logger: { error: (message, { error }) => logged.push({ message, error }) },
      ...options.ports,
    },
    options.app,
  )
  const server = await startHttpServer(app, { port: 0, closeTimeoutMs: 2_000, ...options.server })
  const token = options.app?.token
  const ask = async (method: string, path: string, init: RequestInit): Promise<Answer> => {
    const response = await fetch(`${server.url}${path}`, { method, ...init })
    const bytes = new Uint8Array(await response.arrayBuffer())
    const isJson = response.headers.get('content-type')?.includes('json') && bytes.length > 0
    const json = isJson ? JSON.parse(Buffer.from(bytes).toString()) : undefined
    return { status: response.status, headers: response.headers, bytes, json }
  }
  const close = async () => {
    await server.close()
    await embedded.close()
  }
  return {
    url: server.url,
    port: server.port,
    broker,
    client: new HttpBroker({ url: server.url, ...(token === undefined ? {} : { token }) }),
    logged,
    get: (path, headers = {}) => ask('GET', path, { headers }),
    send: (method, path, body, headers = {}) => {
      const isRaw = typeof body === 'string' || body instanceof Uint8Array
      return ask(method, path, {
        headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        ...(body === undefined ? {} : { body: isRaw ? (body as string) : JSON.stringify(body) }),
      })
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

export const BATCHES = 'application/vnd.tidemark.record-batches'

/** A broker that does some things otherwise. */
export function overriding<B extends Broker>(broker: B, methods: Partial<Broker>): B {
  return new Proxy(broker, {
    get(target, name) {
      if (Object.hasOwn(methods, name)) return methods[name as keyof Broker]
      const value = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
