import type { RouteDocumentation, Schemas } from '../openapi/documentation.ts'
import { answerJson } from '../route.ts'
import { defineRouteWithBody } from '../route-with-body.ts'

export const route = defineRouteWithBody({
  method: 'patch',
  path: '/topics/{topic}',
  loadBody: async () => (await import('../schemas/topics.ts')).AlterTopicRequest,
  handle: async ({ broker }, { path, body }) =>
    answerJson<'TopicAnswer'>(await broker.alterTopic({ ...body, ...path })),
})

export const documentation = ({ AlterTopicRequest, TopicAnswer }: Schemas): RouteDocumentation => ({
  summary: 'Add partitions to a topic, or change its configs',
  description: 'The change applies whole or not at all.',
  body: AlterTopicRequest,
  answers: { 200: { description: 'The topic after the change.', json: TopicAnswer } },
  errors: ['INVALID_PARTITIONS', 'INVALID_CONFIG'],
})
