import type * as z from 'zod'
import { JSON_TYPE } from './media-types.ts'
import { requireContentType } from './requests/content-type.ts'
import { jsonReader } from './requests/json-body.ts'
import type { Parameters } from './requests/parameters.ts'
import type { Parsed } from './requests/validation.ts'
import { type Declaration, defineRoute, type NoParameters, type Route, type RouteRequest } from './route.ts'
import type { Services } from './services.ts'

/** Makes a route whose requests have a body in JSON; a file of its own, for functions without such routes. */
export function defineRouteWithBody<
  S extends z.ZodType,
  const Path extends string,
  Query extends Parameters = NoParameters,
>({
  loadBody,
  handle,
  ...declaration
}: Declaration<
  Path,
  Query,
  {
    /** The schema of the body, loaded with the first one: most requests have none, and zod is large. */
    loadBody: () => Promise<S>
    handle: (
      services: Services,
      request: RouteRequest<Path, Query> & { body: Parsed<z.output<S>> },
    ) => Promise<Response>
  }
>): Route {
  const read = jsonReader(loadBody)
  return defineRoute<Path, Query>({
    ...declaration,
    handle: async (services, request) => {
      const { env, req } = request.context
      requireContentType(req.raw, [JSON_TYPE])
      return services.bodies.read(req.raw, env.readBody, async body =>
        handle(services, { ...request, body: await read(body) }),
      )
    },
  })
}
