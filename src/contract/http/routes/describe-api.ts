import { JSON_TYPE } from '../media-types.ts'
import type { OpenApiAnswer } from '../openapi/documentation.ts'
import { NO_PARAMETERS } from '../requests/parameters.ts'
import { type AnyRoute, addRoute, answerJson } from '../route.ts'
import type { Services } from '../services.ts'

/** Makes a document of an app's routes; given by whoever wants one served, since its generator is large. */
export type Describe = (
  routes: readonly AnyRoute[],
) => Record<string, unknown> | Promise<Record<string, unknown>>

/** Adds the route that documents all others and itself. */
export function addOpenApiRoute(services: Services, describe: Describe): void {
  let document: ReturnType<Describe> | undefined
  addRoute(
    services,
    {
      method: 'get',
      path: '/openapi.json',
      pathParameters: NO_PARAMETERS,
      query: NO_PARAMETERS,
      answerTypes: [JSON_TYPE],
      isOpen: true,
    },
    async () => {
      document ??= describe(services.routes)
      return answerJson<typeof OpenApiAnswer>(await document)
    },
  )
}
