import type { Context } from 'hono'
import type * as z from 'zod'
import { chooseMediaType, JSON_TYPE } from './media-types.ts'
import { invalidRequest } from './problems/problem.ts'
import { type Parameters, readParameters, type Values } from './requests/parameters.ts'
import { type PathValues, pathParametersOf } from './requests/paths.ts'
import { readQuery } from './requests/query.ts'
import type * as schemas from './schemas/index.ts'
import type { Services } from './services.ts'
import type { ServerContext } from './settings.ts'

export type HttpEnv = { Bindings: ServerContext }
export type HttpContext = Context<HttpEnv>

/** A route, whatever its parameters are: what an app is built of, and what is documented. */
export interface Route {
  readonly method: 'get' | 'post' | 'patch' | 'delete'
  /** As OpenAPI writes it. */
  readonly path: string
  readonly pathParameters: Parameters
  readonly query: Parameters
  /** The types of its answers; the first one for clients that have no preference. */
  readonly answerTypes: readonly string[]
  /** Whether it needs no token. */
  readonly isOpen: boolean
  /** What answers its requests in one app; undefined where there is nothing for it to serve. */
  open(services: Services): ((context: HttpContext) => Promise<Response>) | undefined
}

export interface RouteRequest<Path extends string, Query extends Parameters> {
  readonly context: HttpContext
  readonly path: PathValues<Path>
  readonly query: Values<Query>
  /** Which of the route's answers the client wants, by its Accept header. */
  readonly accepted: string
}

export type NoParameters = Record<never, never>

/** What its file says of a route: no query, answers in JSON and a token wanted where it says nothing else. */
export type Declaration<Path extends string, Query extends Parameters, Rest> = Pick<Route, 'method'> &
  Partial<Pick<Route, 'answerTypes' | 'isOpen'>> & { path: Path; query?: Query } & Rest

/**
 * Makes a route of its declaration. What its documentation says beside that is another export of its file: schemas and
 * texts, which the bundle of a function that does not describe itself leaves out.
 */
export function defineRoute<const Path extends string, Query extends Parameters = NoParameters>({
  handle,
  ...declaration
}: Declaration<
  Path,
  Query,
  { handle: (services: Services, request: RouteRequest<Path, Query>) => Promise<Response> }
>): Route {
  return defineRouteWithState({
    ...declaration,
    open: services => request => handle(services, request),
  })
}

/** The same for a route that has something of its own in each app, or that not every app has. */
export function defineRouteWithState<const Path extends string, Query extends Parameters = NoParameters>(
  declaration: Declaration<
    Path,
    Query,
    {
      /** Called once for each app; undefined: there is nothing to serve in this one. */
      open: (services: Services) => ((request: RouteRequest<Path, Query>) => Promise<Response>) | undefined
    }
  >,
): Route {
  const { path, answerTypes = [JSON_TYPE], isOpen = false, query = {} as Query } = declaration
  const pathParameters = pathParametersOf(path)
  const open: Route['open'] = services => {
    const handle = declaration.open(services)
    if (handle === undefined) return undefined
    return context => {
      if (!isOpen) services.checkToken(context.req.raw)
      const accepted = chooseMediaType(context.req.header('accept') ?? null, answerTypes)
      if (accepted === undefined) {
        throw invalidRequest(406, `The Accept header takes none of what there is: ${answerTypes.join(', ')}.`)
      }
      return handle({
        context,
        path: readParameters(pathParameters, context.req.param(), 'path', 'passed over') as PathValues<Path>,
        query: readParameters(query, readQuery(context.req), 'query', 'refused'),
        accepted,
      })
    }
  }
  return { ...declaration, pathParameters, query, answerTypes, isOpen, open }
}

/** `value`, which the compiler holds against the schema of this name that documents it, as a JSON answer. */
export function answerJson<Name extends keyof typeof schemas>(
  value: z.input<(typeof schemas)[Name]>,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(JSON.stringify(value), { status, headers: { 'content-type': JSON_TYPE, ...headers } })
}

/** The answer when something is done and there is nothing to say of it. */
export async function answerDone(done: Promise<void>): Promise<Response> {
  await done
  return new Response(null, { status: 204 })
}
