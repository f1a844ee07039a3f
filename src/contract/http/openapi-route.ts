import { z } from 'zod'
import { JSON_TYPE } from './media-types.ts'
import { addRoute, answerJson, NO_PARAMETERS } from './route.ts'
import type { Services } from './services.ts'

const Document = z.record(z.string(), z.unknown()).meta({ description: 'An OpenAPI 3.1 document.' })

/** Adds the route that documents all others, so it comes last. */
export function addOpenApiRoute({ router, checkToken }: Services): () => z.infer<typeof Document> {
  let document: z.infer<typeof Document> | undefined
  const openApi = () => {
    document ??= { ...router.getOpenAPI31Document(DESCRIPTION) }
    return document
  }
  router.openAPIRegistry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description: 'Needed where the server was started with a token.',
  })
  addRoute(
    router,
    checkToken,
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
    async () => answerJson(Document, openApi()),
  )
  return openApi
}

const DESCRIPTION = {
  openapi: '3.1.0',
  info: {
    title: 'Tidemark',
    version: '1',
    description:
      "An event log with Kafka's semantics. Errors are application/problem+json with Kafka's error name, whether " +
      'another try can help (retriable), and whether what was to be written may be in the log (written).',
  },
}
