import { fromProblem } from '../contract/http/schemas/problem.ts'
import { TidemarkError, type Written } from '../core/errors.ts'
import { CLIENT_TIMEOUT_MS } from '../core/limits.ts'
import { type Answer, askFetch, type SentRequest } from './answer.ts'
import { abandonedAt, DeadlinePassed, withDeadline } from './deadline.ts'
import { askDispatcher, currentDispatcher } from './dispatcher.ts'
import { fromFailedFetch } from './failed-fetch.ts'
import { fromGatewayAnswer, fromRedirect, fromStranger } from './gateway-answer.ts'

/** A request as it goes out: what a signature is made of. */
export interface UnsignedRequest {
  readonly method: string
  /** Encoded, with its query. */
  readonly url: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** The bytes or the text that are sent. */
  readonly body?: string | Uint8Array
}

/**
 * Makes the headers that prove who sends a request; they are sent beside its own. Called once for every request.
 * @throws TidemarkError when it cannot; the request is not sent then
 */
export type SignRequest = (request: UnsignedRequest) => Promise<Readonly<Record<string, string>>>

export interface HttpBrokerSettings {
  /** Where the broker is, such as `http://127.0.0.1:9900`. */
  url: string
  /** Sent as a bearer token. */
  token?: string
  /** Signs every request, in place of a token: `signedByAws` of `tidemark/aws` makes one. */
  sign?: SignRequest
  /** Where records go and by which signature, where that is elsewhere: the URL of a function, which costs nothing by request. */
  produceBy?: HttpBrokerSettings
  /** How long a request may take, beside what a fetch waits: 30,000 ms, a bit longer than the broker's own deadline. */
  timeoutMs?: number
}

export interface HttpRequest {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** Each is encoded, so that none can reach beyond its place in the path. */
  path: readonly (string | number)[]
  /** A list stands for a parameter that comes several times. */
  query?: Readonly<Record<string, string | number | readonly string[] | undefined>>
  accept: string
  contentType?: string
  body?: string | Uint8Array
  /** Whether it changes nothing, whatever its method. */
  isRead?: boolean
  /** Whether a broker may lack the route, or not let this client in there: then the request fails with RouteMissing. */
  isOptional?: boolean
  /** What this request may take beyond the time-out. */
  waitMs?: number
  signal?: AbortSignal | undefined
  /** Ends the request as `signal` does. */
  hurry?: AbortSignal | undefined
}

/** What is answered where there is no such route, or another rule lets clients in. */
const MISSING_STATUSES: ReadonlySet<number> = new Set([403, 404, 405])

/** A broker of before does not have this route, or a gateway does not let this client in there. */
export class RouteMissing extends Error {
  override readonly name = 'RouteMissing'

  constructor(cause: TidemarkError) {
    super(cause.message, { cause })
  }
}

/** Sends requests over the platform's fetch, and turns all that can go wrong into TidemarkErrors. */
export class HttpTransport {
  readonly #base: string
  readonly #token: string | undefined
  readonly #sign: SignRequest | undefined
  readonly #timeoutMs: number
  #isTakenByFetch = false

  constructor({ url, token, sign, timeoutMs = CLIENT_TIMEOUT_MS }: HttpBrokerSettings) {
    if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
      throw new TidemarkError(
        'INVALID_REQUEST',
        `${JSON.stringify(url)} is not the URL of a broker: http://host:port.`,
      )
    }
    checkNothingBeside(new URL(url))
    if (token !== undefined && sign !== undefined) {
      throw new TidemarkError(
        'INVALID_REQUEST',
        'A request carries a token or a signature: give one of them.',
      )
    }
    this.#base = url.replace(/\/+$/, '')
    this.#token = token
    this.#sign = sign
    this.#timeoutMs = timeoutMs
  }

  /**
   * Sends a request and reads its answer with `read`.
   * @throws TidemarkError; an abort of the request's own signal too becomes one
   */
  async send<T>(request: HttpRequest, read: (answer: Answer) => T | Promise<T>): Promise<T> {
    const url = this.#urlOf(request)
    const timeoutMs = this.#timeoutMs + (request.waitMs ?? 0)
    let isSent = false
    try {
      return await withDeadline(timeoutMs, [request.signal, request.hurry], async signal => {
        // Looking for credentials can take long, and may know nothing of the signal.
        const headers = await abandonedAt(signal, this.#headersFor(url, request))
        isSent = true
        const answer = await this.#ask({ method: request.method, url, headers, body: request.body }, signal)
        if (!answer.ok) {
          const error = this.#toAnswered(answer, request)
          throw request.isOptional && MISSING_STATUSES.has(answer.status) ? new RouteMissing(error) : error
        }
        if (isPage(answer)) throw fromStranger(this.#base, answer.status, writtenBy(request))
        return await read(answer)
      })
    } catch (error) {
      const isEnded = error instanceof DeadlinePassed || request.signal?.aborted || request.hurry?.aborted
      // What failed is the signature, which whoever made it knows how to tell.
      if (error instanceof TidemarkError || error instanceof RouteMissing || !(isSent || isEnded)) throw error
      throw this.#toError(error, isSent ? writtenBy(request) : 'no')
    }
  }

  /** A URL that begins with / is of the broker, wherever this client reaches it; any other stays as it is. */
  completeUrl(url: string): string {
    return url.startsWith('/') ? `${this.#base}${url}` : url
  }

  /** Where a broker says that sockets are opened: a path of its own, or another URL. Undefined: nobody here can go there. */
  socketAddress(
    url: string,
  ): { url: string; headers(): Promise<Readonly<Record<string, string>>> } | undefined {
    const whole = this.completeUrl(url).replace(/^http/, 'ws')
    // Whoever is told of another place does not take his token there in the clear.
    const isOwn = url.startsWith('/')
    if (!URL.canParse(whole) || !(isOwn || whole.startsWith('wss:') || this.#token === undefined))
      return undefined
    const asked = { method: 'GET', url: whole.replace(/^ws/, 'http'), headers: {} }
    return { url: whole, headers: () => this.#proven(asked) }
  }

  #urlOf({ path, query = {} }: HttpRequest): string {
    const parameters = new URLSearchParams()
    for (const [name, value] of Object.entries(query)) {
      for (const each of [value].flat()) if (each !== undefined) parameters.append(name, String(each))
    }
    const segments = path.map(segment => encodeSegment(String(segment)))
    // A space as %20: a plus sign means one in forms only, and signatures know nothing of forms.
    const search = parameters.size === 0 ? '' : `?${parameters.toString().replaceAll('+', '%20')}`
    return `${this.#base}/${segments.join('/')}${search}`
  }

  async #headersFor(url: string, request: HttpRequest): Promise<Record<string, string>> {
    const { method, accept, contentType, body } = request
    const headers = { accept, ...(contentType === undefined ? {} : { 'content-type': contentType }) }
    return await this.#proven({ method, url, headers, ...(body === undefined ? {} : { body }) })
  }

  /** Its headers, and those that prove who sends it. */
  async #proven(unsigned: UnsignedRequest): Promise<Record<string, string>> {
    const { headers } = unsigned
    if (this.#token !== undefined) return { ...headers, authorization: `Bearer ${this.#token}` }
    if (this.#sign === undefined) return { ...headers }
    return { ...headers, ...(await this.#sign(unsigned)) }
  }

  /** The first ones go by fetch, which refuses some ports and headers; what it has once taken goes without it. */
  async #ask(request: SentRequest, signal: AbortSignal): Promise<Answer> {
    const dispatcher = this.#isTakenByFetch ? currentDispatcher() : undefined
    if (dispatcher) return await askDispatcher(dispatcher, request, signal)
    const answer = await askFetch(request, signal)
    this.#isTakenByFetch = true
    return answer
  }

  #toAnswered(answer: Answer, request: HttpRequest): TidemarkError {
    const text = answer.text()
    const error = fromProblem(parseOrUndefined(text))
    if (error !== undefined) return error
    const { status } = answer
    const location = answer.headers.get('location')
    if (status >= 300 && status < 400 && location !== null) {
      return fromRedirect(this.#base, status, location, writtenBy(request))
    }
    const given = { base: this.#base, status, text, date: answer.headers.get('date') }
    return fromGatewayAnswer(given, writtenBy(request), Date.now())
  }

  #toError(error: unknown, written: Written): TidemarkError {
    if (error instanceof DeadlinePassed) {
      const message = `${this.#base} did not answer in time: ${error.message}.`
      return new TidemarkError('REQUEST_TIMED_OUT', message, written, { cause: error })
    }
    return fromFailedFetch(error, this.#base, written)
  }
}

/** What comes of itself, to where no broker is: a proxy's page, a login, another server. */
function isPage({ headers }: Answer): boolean {
  return /^text\/html\b|^application\/xhtml/i.test(headers.get('content-type') ?? '')
}

/** Routes are put behind a broker's URL, and fetch refuses a name and a password in it. */
function checkNothingBeside({ username, password, search, hash }: URL): void {
  if (username !== '' || password !== '')
    throw new TidemarkError('INVALID_REQUEST', "A broker's URL carries no user and password: give a token.")
  if (search !== '' || hash !== '')
    throw new TidemarkError('INVALID_REQUEST', `A broker's URL ends before ${search}${hash}: leave that out.`)
}

function writtenBy({ method, isRead = method === 'GET' }: HttpRequest): Written {
  return isRead ? 'no' : 'unknown'
}

function encodeSegment(segment: string): string {
  // The only ones that encodeURIComponent leaves and every URL parser takes out of the path.
  if (segment === '.' || segment === '..' || segment === '') {
    throw new TidemarkError(
      'UNKNOWN_TOPIC_OR_PARTITION',
      `No topic can be called ${JSON.stringify(segment)}.`,
    )
  }
  return encodeURIComponent(segment)
}

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // not JSON, and so not a problem either: the caller says what it got
  }
}
