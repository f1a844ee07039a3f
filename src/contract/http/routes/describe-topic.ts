import type { RouteDocumentation, Schemas } from '../openapi/documentation.ts'
import { answerJson, defineRoute } from '../route.ts'

export const route = defineRoute({
  method: 'get',
  path: '/topics/{topic}',
  handle: async ({ broker }, { path }) => answerJson<'TopicAnswer'>(await broker.describeTopic(path.topic)),
})

export const documentation = ({ TopicAnswer }: Schemas): RouteDocumentation => ({
  summary: 'Describe a topic',
  answers: { 200: { description: 'The topic.', json: TopicAnswer } },
})
