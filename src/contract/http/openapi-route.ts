import * as z from 'zod'
import { JSON_TYPE } from './media-types.ts'
import { type AnyRoute, addRoute, answerJson, NO_PARAMETERS } from './route.ts'
import type { Services } from './services.ts'

const Document = z.record(z.string(), z.unknown()).meta({ description: 'An OpenAPI 3.1 document.' })

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
      summary: 'Describe this API',
      pathParameters: NO_PARAMETERS,
      query: NO_PARAMETERS,
      answers: { 200: { description: 'This document.', contents: { [JSON_TYPE]: Document } } },
      errors: [],
      isOpen: true,
    },
    async () => {
      document ??= describe(services.routes)
      return answerJson(Document, await document)
    },
  )
}
