import type { RouteDocumentation, Schemas } from '../openapi/documentation.ts'
import { answerJson, defineRouteWithState } from '../route.ts'
import type { Describe } from '../services.ts'

export const route = defineRouteWithState({
  method: 'get',
  path: '/openapi.json',
  isOpen: true,
  open: ({ describe }) => {
    if (describe === undefined) return undefined
    let document: ReturnType<Describe> | undefined
    return async () => {
      document ??= describe()
      return answerJson<'OpenApiAnswer'>(await document)
    }
  },
})

export const documentation = ({ OpenApiAnswer }: Schemas): RouteDocumentation => ({
  summary: 'Describe this API',
  answers: { 200: { description: 'This document.', json: OpenApiAnswer } },
})
