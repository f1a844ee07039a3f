import type { OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { z } from 'zod'
import { type KafkaErrorName, TidemarkError } from '../../core/errors.ts'
import { chooseMediaType, JSON_TYPE, PROBLEM_TYPE } from './media-types.ts'
import { HttpProblem, ProblemAnswer, statusOf } from './problem.ts'
import type { ServerContext } from './settings.ts'
import { check, type Parsed } from './validation.ts'

export type HttpEnv = { Bindings: ServerContext }
export type HttpContext = Context<HttpEnv>
export type Router = OpenAPIHono<HttpEnv>

/** A content by its media type: a schema for JSON, null for bytes. */
type Contents = Readonly<Record<string, z.ZodType | null>>

export interface Route<Path extends z.ZodObject, Query extends z.ZodObject> {
  method: 'get' | 'post' | 'patch' | 'delete'
  /** As OpenAPI writes it. */
  path: string
  summary: string
  description?: string
  pathParameters: Path
  query: Query
  body?: Contents
  answers: Readonly<
    Record<number, { description: string; contents?: Contents; headers?: Readonly<Record<string, string>> }>
  >
  /** The errors that this route can answer beside those that all have. */
  errors: readonly KafkaErrorName[]
  /** Whether it needs no token. */
  isOpen?: boolean
}

export interface RouteRequest<Path extends z.ZodObject, Query extends z.ZodObject> {
  context: HttpContext
  path: Parsed<z.output<Path>>
  query: Parsed<z.output<Query>>
  /** Which of the route's answers the client wants, by its Accept header. */
  accepted: string
}

export const NO_PARAMETERS = z.strictObject({})

const ERRORS_OF_ALL: readonly KafkaErrorName[] = [
  'INVALID_REQUEST',
  'CLUSTER_AUTHORIZATION_FAILED',
  'UNKNOWN_SERVER_ERROR',
  'REQUEST_TIMED_OUT',
]

/**
 * Adds a route: the same schemas check the requests and make the documentation. It does not use
 * OpenAPIHono.openapi, which reads bodies before anybody has looked at their size.
 */
export function addRoute<Path extends z.ZodObject, Query extends z.ZodObject>(
  router: Router,
  checkToken: (request: Request) => void,
  route: Route<Path, Query>,
  handle: (request: RouteRequest<Path, Query>) => Promise<Response>,
): void {
  document(router, route)
  const offered = answerTypes(route)
  router.on(route.method.toUpperCase(), toHonoPath(route.path), context => {
    if (!route.isOpen) checkToken(context.req.raw)
    const accepted = chooseMediaType(context.req.header('accept') ?? null, offered)
    if (accepted === undefined) throw notAcceptable(offered)
    const path = check(route.pathParameters, context.req.param(), 'path')
    const query = check(route.query, queryOf(context), 'query')
    return handle({ context, path, query, accepted })
  })
}

/** `value`, which the compiler holds against the schema that documents it, as a JSON answer. */
export function answerJson<S extends z.ZodType>(
  _schema: S,
  value: z.input<S>,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(JSON.stringify(value), { status, headers: { 'content-type': JSON_TYPE, ...headers } })
}

/** A parameter that comes twice is shown as a list, which no schema takes: one of them would be ignored. */
function queryOf(context: HttpContext): Record<string, string | string[]> {
  const entries = Object.entries(context.req.queries())
  return Object.fromEntries(
    entries.map(([name, values]) => [name, values.length === 1 ? values[0]! : values]),
  )
}

function toHonoPath(path: string): string {
  // An object's key has slashes in it.
  return path.replace('{key}', ':key{.+}').replaceAll(/\{(\w+)\}(?!\})/g, (_, name) => `:${name}`)
}

function answerTypes(route: { answers: Route<z.ZodObject, z.ZodObject>['answers'] }): string[] {
  const types = Object.values(route.answers).flatMap(answer => Object.keys(answer.contents ?? {}))
  return types.length === 0 ? [JSON_TYPE] : types
}

function notAcceptable(offered: readonly string[]): HttpProblem {
  const message = `The Accept header takes none of what there is: ${offered.join(', ')}.`
  return new HttpProblem(406, new TidemarkError('INVALID_REQUEST', message))
}

function document<Path extends z.ZodObject, Query extends z.ZodObject>(
  router: Router,
  route: Route<Path, Query>,
): void {
  const { method, path, summary, description, pathParameters, query, body, answers, isOpen } = route
  router.openAPIRegistry.registerPath({
    method,
    path,
    summary,
    ...(description === undefined ? {} : { description }),
    security: isOpen ? [] : [{ bearer: [] }],
    request: {
      params: pathParameters,
      query,
      ...(body === undefined ? {} : { body: { required: true, content: toContent(body) } }),
    },
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, { description, contents, headers }]) => [
          status,
          {
            description,
            ...(contents === undefined ? {} : { content: toContent(contents) }),
            ...(headers === undefined ? {} : { headers: toHeaders(headers) }),
          },
        ]),
      ),
      ...documentErrors(route),
    },
  })
}

function toContent(contents: Contents) {
  return Object.fromEntries(
    Object.entries(contents).map(([type, schema]) => [
      type,
      { schema: schema ?? ({ type: 'string', format: 'binary' } as const) },
    ]),
  )
}

function toHeaders(headers: Readonly<Record<string, string>>) {
  return Object.fromEntries(
    Object.entries(headers).map(([name, description]) => [
      name,
      { schema: { type: 'integer' as const }, description },
    ]),
  )
}

function documentErrors({
  errors,
  body,
  isOpen,
}: Pick<Route<z.ZodObject, z.ZodObject>, 'errors' | 'body' | 'isOpen'>) {
  const names: readonly KafkaErrorName[] = [
    ...ERRORS_OF_ALL,
    ...(isOpen ? [] : (['SASL_AUTHENTICATION_FAILED'] as const)),
    ...(body === undefined ? [] : (['MESSAGE_TOO_LARGE', 'THROTTLING_QUOTA_EXCEEDED'] as const)),
    ...errors,
  ]
  const byStatus = Map.groupBy(new Set(names), statusOf)
  const documented = [...byStatus].map(([status, group]) => [
    status,
    { description: group.join(', '), content: { [PROBLEM_TYPE]: { schema: ProblemAnswer } } },
  ])
  const fixed: [number, string][] = [[406, 'INVALID_REQUEST: the Accept header takes none of the answers.']]
  if (body !== undefined) fixed.push([415, 'INVALID_REQUEST: the Content-Type is none of those listed.'])
  for (const [status, description] of fixed) {
    documented.push([status, { description, content: { [PROBLEM_TYPE]: { schema: ProblemAnswer } } }])
  }
  return Object.fromEntries(documented)
}
