import type { RouteDocumentation, Schemas } from '../openapi/documentation.ts'
import { answerJson } from '../route.ts'
import { defineRouteWithBody } from '../route-with-body.ts'

export const route = defineRouteWithBody({
  method: 'post',
  path: '/topics',
  loadBody: async () => (await import('../schemas/topics.ts')).CreateTopicRequest,
  handle: async ({ broker }, { body }) => {
    const topic = await broker.createTopic(body)
    const location = `/topics/${encodeURIComponent(topic.topic)}`
    return answerJson<'TopicAnswer'>(topic, 201, { location })
  },
})

export const documentation = ({ CreateTopicRequest, TopicAnswer }: Schemas): RouteDocumentation => ({
  summary: 'Create a topic',
  body: CreateTopicRequest,
  answers: {
    201: {
      description: 'The new topic.',
      json: TopicAnswer,
      headers: { location: { description: 'Its path.', schema: { type: 'string' } } },
    },
  },
  errors: ['TOPIC_ALREADY_EXISTS', 'INVALID_TOPIC_EXCEPTION', 'INVALID_PARTITIONS', 'INVALID_CONFIG'],
})
