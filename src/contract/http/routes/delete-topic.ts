import type { RouteDocumentation } from '../openapi/documentation.ts'
import { TOPIC_PATH } from '../requests/paths.ts'
import { answerDone, defineRoute } from '../route.ts'

export const route = defineRoute({
  method: 'delete',
  path: '/topics/{topic}',
  pathParameters: TOPIC_PATH,
  handle: async ({ broker }, { path }) => {
    await broker.deleteTopic(path.topic)
    return answerDone()
  },
})

export const documentation = (): RouteDocumentation => ({
  summary: 'Delete a topic and its records',
  answers: { 204: { description: 'The topic is gone.' } },
  errors: ['UNKNOWN_TOPIC_OR_PARTITION', 'INVALID_TOPIC_EXCEPTION'],
})
