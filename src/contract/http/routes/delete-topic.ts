import type { RouteDocumentation } from '../openapi/documentation.ts'
import { answerDone, defineRoute } from '../route.ts'

export const route = defineRoute({
  method: 'delete',
  path: '/topics/{topic}',
  handle: ({ broker }, { path }) => answerDone(broker.deleteTopic(path.topic)),
})

export const documentation = (): RouteDocumentation => ({
  summary: 'Delete a topic and its records',
  answers: { 204: { description: 'The topic is gone.' } },
})
