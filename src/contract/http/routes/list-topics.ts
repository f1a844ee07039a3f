import type { RouteDocumentation, Schemas } from '../openapi/documentation.ts'
import { answerJson, defineRoute } from '../route.ts'

export const route = defineRoute({
  method: 'get',
  path: '/topics',
  handle: async ({ broker }) => answerJson<'TopicListAnswer'>({ topics: await broker.listTopics() }),
})

export const documentation = ({ TopicListAnswer }: Schemas): RouteDocumentation => ({
  summary: 'List the topics',
  answers: { 200: { description: 'Every topic, in the order of their names.', json: TopicListAnswer } },
})
