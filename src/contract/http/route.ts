import type { Context, Hono } from 'hono'
import * as z from 'zod'
import { type KafkaErrorName, TidemarkError } from '../../core/errors.ts'
import { chooseMediaType, JSON_TYPE } from './media-types.ts'
import { HttpProblem } from './problem.ts'
import type { ServerContext } from './settings.ts'
import { check, type Parsed } from './validation.ts'

export type HttpEnv = { Bindings: ServerContext }
export type HttpContext = Context<HttpEnv>
export type Router = Hono<HttpEnv>

/** A content by its media type: a schema for JSON, null for bytes. */
export type Contents = Readonly<Record<string, z.ZodType | null>>

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

/** A route as its documentation needs it, whatever its parameters are. */
export type AnyRoute = Route<z.ZodObject, z.ZodObject>

/** What adding a route needs. */
export interface RouteServices {
  router: Router
  /** Every route that was added, for whoever describes them. */
  routes: AnyRoute[]
  /** @throws HttpProblem when the request does not bring the token */
  checkToken: (request: Request) => void
}

export const NO_PARAMETERS = z.strictObject({})

/**
 * Adds a route: the same schemas check the requests and make the documentation. It does not use
 * OpenAPIHono.openapi, which reads bodies before anybody has looked at their size, and which an app that does not
 * describe itself would carry along for nothing.
 */
export function addRoute<Path extends z.ZodObject, Query extends z.ZodObject>(
  { router, routes, checkToken }: RouteServices,
  route: Route<Path, Query>,
  handle: (request: RouteRequest<Path, Query>) => Promise<Response>,
): void {
  routes.push(route)
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

function answerTypes(route: Pick<AnyRoute, 'answers'>): string[] {
  const types = Object.values(route.answers).flatMap(answer => Object.keys(answer.contents ?? {}))
  return types.length === 0 ? [JSON_TYPE] : types
}

function notAcceptable(offered: readonly string[]): HttpProblem {
  const message = `The Accept header takes none of what there is: ${offered.join(', ')}.`
  return new HttpProblem(406, new TidemarkError('INVALID_REQUEST', message))
}
