import { HttpProblem } from '../../src/contract/http/problems/problem.ts'
import { TidemarkError } from '../../src/core/errors.ts'

/** What API Gateway's HTTP APIs (payload format 2.0) and function URLs send, as far as it is looked at. */
interface GatewayEvent {
  readonly version: '2.0'
  readonly rawPath: string
  readonly rawQueryString?: string
  readonly headers?: Readonly<Record<string, string | undefined>>
  readonly requestContext: {
    readonly domainName?: string
    readonly stage?: string
    readonly http: { readonly method: string }
  }
  readonly body?: string
  readonly isBase64Encoded?: boolean
}

/** What whoever invokes a function directly sends, past any gateway. */
export interface DirectEvent {
  readonly method: string
  /** From the root on, such as `/topics/tides/records`. */
  readonly path: string
  readonly query?: string | Readonly<Record<string, string | readonly string[]>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly isBase64Encoded?: boolean
}

/** The name by which requests go that came by none. */
const NO_HOST = 'function.invalid'

/** What is true of the way between gateway and client and not of this request, or is not to be trusted. */
const DROPPED_HEADERS = ['content-length', 'transfer-encoding', 'connection', 'expect']

/**
 * The request that an event stands for.
 * @throws HttpProblem 400 when it is no such event
 */
export function toRequest(event: unknown): Request {
  if (isGatewayEvent(event)) return fromGateway(event)
  if (isDirectEvent(event)) return fromDirect(event)
  throw malformed(
    'it is none of an API Gateway HTTP API (payload format 2.0), none of a function URL, and has no `method` and `path`',
  )
}

function isGatewayEvent(event: unknown): event is GatewayEvent {
  const { version, rawPath, requestContext } = membersOf(event)
  return (
    version === '2.0' &&
    typeof rawPath === 'string' &&
    typeof membersOf(membersOf(requestContext).http).method === 'string'
  )
}

function isDirectEvent(event: unknown): event is DirectEvent {
  const { method, path } = membersOf(event)
  return typeof method === 'string' && typeof path === 'string'
}

function membersOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function fromGateway(event: GatewayEvent): Request {
  const { rawPath, rawQueryString = '', headers, requestContext, body, isBase64Encoded } = event
  const { domainName, stage, http } = requestContext
  const url = makeUrl(domainName, withoutStage(rawPath, stage), rawQueryString)
  return makeRequest(url, http.method, headers, body, isBase64Encoded)
}

function fromDirect({ method, path, query = '', headers, body, isBase64Encoded }: DirectEvent): Request {
  if (!path.startsWith('/')) throw malformed('its `path` does not begin with a slash')
  return makeRequest(makeUrl(undefined, path, toQuery(query)), method, headers, body, isBase64Encoded)
}

/** A named stage stands in front of the path; the default one does not. */
function withoutStage(path: string, stage: string | undefined): string {
  return stage && stage !== '$default' && path.startsWith(`/${stage}/`) ? path.slice(stage.length + 1) : path
}

function makeUrl(host: string | undefined, path: string, query: string): URL {
  // A gateway may have decoded the path, and then these would end it.
  const escaped = path.replaceAll('?', '%3F').replaceAll('#', '%23')
  const text = `https://${host || NO_HOST}${escaped}`
  if (!URL.canParse(text)) throw malformed('its path cannot stand in a URL')
  const url = new URL(text)
  // Permissions were checked for the path as it begins. Decoded, "..%2F" must not lead from there to another topic.
  if (countSegments(url.pathname) !== countSegments(path)) throw malformed('its path has "." or ".." in it')
  url.search = query
  return url
}

/** To the parser of URLs a backslash is a slash. */
function countSegments(path: string): number {
  return path.split(/[/\\]/).length
}

function toQuery(query: NonNullable<DirectEvent['query']>): string {
  if (typeof query === 'string') return query
  const parameters = new URLSearchParams()
  for (const [name, values] of Object.entries(query)) {
    for (const value of Array.isArray(values) ? values : [values]) parameters.append(name, String(value))
  }
  return parameters.toString()
}

function makeRequest(
  url: URL,
  method: string,
  givenHeaders: GatewayEvent['headers'],
  givenBody: string | undefined,
  isBase64Encoded = false,
): Request {
  const hasBody = method !== 'GET' && method !== 'HEAD'
  if (givenBody != null && typeof givenBody !== 'string') throw malformed('its `body` is no string')
  const body = hasBody ? Buffer.from(givenBody ?? '', isBase64Encoded ? 'base64' : 'utf8') : undefined
  try {
    const headers = new Headers()
    for (const [name, value] of Object.entries(givenHeaders ?? {})) {
      if (value !== undefined && !DROPPED_HEADERS.includes(name.toLowerCase())) headers.append(name, value)
    }
    // The true length, so that the body is taken in one piece.
    if (body) headers.set('content-length', String(body.length))
    return new Request(url, { method, headers, ...(body && { body }) })
  } catch (error) {
    if (error instanceof TypeError) throw malformed(error.message, error)
    throw error
  }
}

function malformed(what: string, cause?: unknown): HttpProblem {
  const message = `The event cannot be read as a request: ${what}.`
  return new HttpProblem(400, new TidemarkError('INVALID_REQUEST', message, 'no', { cause }))
}
