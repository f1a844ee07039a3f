import type { Context, Hono } from 'hono'
import type * as z from 'zod'
import { TidemarkError } from '../../core/errors.ts'
import { chooseMediaType, JSON_TYPE } from './media-types.ts'
import { HttpProblem } from './problems/problem.ts'
import { type Parameters, readParameters, type Values } from './requests/parameters.ts'
import type { ServerContext } from './settings.ts'

export type HttpEnv = { Bindings: ServerContext }
export type HttpContext = Context<HttpEnv>
export type Router = Hono<HttpEnv>

export interface Route<Path extends Parameters, Query extends Parameters> {
  method: 'get' | 'post' | 'patch' | 'delete'
  /** As OpenAPI writes it. */
  path: string
  pathParameters: Path
  query: Query
  /** The types of its answers; the first one for clients that have no preference. */
  answerTypes: readonly string[]
  /** Whether it needs no token. */
  isOpen?: boolean
}

export interface RouteRequest<Path extends Parameters, Query extends Parameters> {
  context: HttpContext
  path: Values<Path>
  query: Values<Query>
  /** Which of the route's answers the client wants, by its Accept header. */
  accepted: string
}

/** A route, whatever its parameters are. */
export type AnyRoute = Route<Parameters, Parameters>

/** What adding a route needs. */
export interface RouteServices {
  router: Router
  /** Every route that was added, for whoever describes them. */
  routes: AnyRoute[]
  /** @throws HttpProblem when the request does not bring the token */
  checkToken: (request: Request) => void
}

/**
 * Adds a route. What its documentation says beside its parameters stands in route-documentation.ts: that takes schemas
 * of all bodies, which an app that does not describe itself would carry along, and make, for nothing.
 */
export function addRoute<Path extends Parameters, Query extends Parameters>(
  { router, routes, checkToken }: RouteServices,
  route: Route<Path, Query>,
  handle: (request: RouteRequest<Path, Query>) => Promise<Response>,
): void {
  routes.push(route)
  const { answerTypes, pathParameters, query, isOpen } = route
  router.on(route.method.toUpperCase(), toHonoPath(route.path), context => {
    if (!isOpen) checkToken(context.req.raw)
    const accepted = chooseMediaType(context.req.header('accept') ?? null, answerTypes)
    if (accepted === undefined) throw notAcceptable(answerTypes)
    return handle({
      context,
      path: readParameters(pathParameters, context.req.param(), 'path', 'passed over'),
      query: readParameters(query, queryOf(context), 'query', 'refused'),
      accepted,
    })
  })
}

/** `value`, which the compiler holds against the schema `S` that documents it, as a JSON answer. */
export function answerJson<S extends z.ZodType>(
  value: z.input<S>,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(JSON.stringify(value), { status, headers: { 'content-type': JSON_TYPE, ...headers } })
}

/** A parameter that comes twice is shown as a list. */
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

function notAcceptable(offered: readonly string[]): HttpProblem {
  const message = `The Accept header takes none of what there is: ${offered.join(', ')}.`
  return new HttpProblem(406, new TidemarkError('INVALID_REQUEST', message))
}
