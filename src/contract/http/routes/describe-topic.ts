import type { RouteDocumentation, Schemas } from '../openapi/documentation.ts'
import { TOPIC_PATH } from '../requests/paths.ts'
import { answerJson, defineRoute } from '../route.ts'

export const route = defineRoute({
  method: 'get',
  path: '/topics/{topic}',
  pathParameters: TOPIC_PATH,
  handle: async ({ broker }, { path }) =>
    answerJson<Schemas['TopicAnswer']>(await broker.describeTopic(path.topic)),
})

export const documentation = ({ TopicAnswer }: Schemas): RouteDocumentation => ({
  summary: 'Describe a topic',
  answers: { 200: { description: 'The topic.', json: TopicAnswer } },
  errors: ['UNKNOWN_TOPIC_OR_PARTITION', 'INVALID_TOPIC_EXCEPTION'],
})
