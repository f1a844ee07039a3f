/**
 * In place of the globals Headers, Request and Response in functions, as far as the HTTP form uses them. Node's own come
 * with a whole HTTP client, which takes a third of a first request's time to load, and events have their bodies in
 * memory already. A test holds these against Node's.
 */

type Init = Iterable<readonly [string, string]> | Readonly<Record<string, string>>

const TOKEN = /^[!#$%&'*+.^_`|~\w-]+$/
const NO_VALUE = /[\0\r\n]|[^\0-\xff]/

export class Headers {
  readonly #values = new Map<string, string>()

  constructor(init: Init = {}) {
    for (const [name, value] of Symbol.iterator in init ? init : Object.entries(init))
      this.append(name, value)
  }

  get(name: string): string | null {
    return this.#values.get(nameIn(name)) ?? null
  }

  has(name: string): boolean {
    return this.#values.has(nameIn(name))
  }

  set(name: string, value: string): void {
    this.#values.set(nameIn(name), valueIn(value))
  }

  append(name: string, value: string): void {
    const before = this.get(name)
    const separator = nameIn(name) === 'cookie' ? '; ' : ', '
    this.#values.set(nameIn(name), before === null ? valueIn(value) : before + separator + valueIn(value))
  }

  delete(name: string): void {
    this.#values.delete(nameIn(name))
  }

  forEach(call: (value: string, name: string) => void): void {
    for (const [name, value] of this) call(value, name)
  }

  entries(): IterableIterator<[string, string]> {
    return [...this.#values].sort(([left], [right]) => (left < right ? -1 : 1)).values()
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.entries()
  }
}

function nameIn(name: string): string {
  if (!TOKEN.test(name)) throw new TypeError(`${JSON.stringify(name)} is no name of a header`)
  return name.toLowerCase()
}

function valueIn(given: string): string {
  const value = `${given}`.replace(/^[\t\r\n ]+|[\t\r\n ]+$/g, '')
  if (NO_VALUE.test(value)) throw new TypeError(`${JSON.stringify(value)} is no value of a header`)
  return value
}

type Content = string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>

class Message {
  readonly headers: Headers
  #content: Content | null

  constructor(content: Content | null, headers: Init | undefined) {
    this.headers = new Headers(headers)
    this.#content = content
    if (typeof content === 'string' && !this.headers.has('content-type'))
      this.headers.set('content-type', 'text/plain;charset=UTF-8')
  }

  get body(): ReadableStream<Uint8Array> | null {
    if (this.#content === null) return null
    if (!(this.#content instanceof ReadableStream)) {
      const bytes = toBytes(this.#content)
      this.#content = ReadableStream.from(bytes.length === 0 ? [] : [bytes])
    }
    return this.#content
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    const content = this.#content
    if (content === null) return new ArrayBuffer(0)
    const bytes = content instanceof ReadableStream ? await bytesOf(content) : toBytes(content)
    const { buffer, byteOffset, byteLength } = bytes
    // Small buffers share one with others.
    return byteLength === buffer.byteLength ? buffer : buffer.slice(byteOffset, byteOffset + byteLength)
  }
}

async function bytesOf(stream: ReadableStream<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

function toBytes(content: string | Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return typeof content === 'string' ? Buffer.from(content) : content
}

/** As Node has them: these in capitals whatever the case, others, PATCH too, as they are. */
const METHODS = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT']
const FORBIDDEN_METHODS = ['CONNECT', 'TRACE', 'TRACK']

interface RequestInit {
  readonly method?: string
  readonly headers?: Init
  readonly body?: Content
}

export class Request extends Message {
  readonly method: string
  readonly url: string

  /** @throws TypeError as Node's does */
  constructor(url: URL, { method = 'GET', headers, body }: RequestInit = {}) {
    super(body ?? null, headers)
    const upper = method.toUpperCase()
    if (!TOKEN.test(method) || FORBIDDEN_METHODS.includes(upper))
      throw new TypeError(`'${method}' is not a valid HTTP method.`)
    if (url.username || url.password)
      throw new TypeError(`${url} has credentials, which are no part of a path`)
    this.method = METHODS.includes(upper) ? upper : method
    // What is behind the hash is the client's own.
    this.url = url.href
  }

  /** Never aborts: nothing tells a function that its client went away. */
  get signal(): AbortSignal {
    return new AbortController().signal
  }
}

export class Response extends Message {
  readonly status: number

  constructor(
    body: Content | null = null,
    { status = 200, headers }: { status?: number; headers?: Init } = {},
  ) {
    super(body, headers)
    this.status = status
  }
}
