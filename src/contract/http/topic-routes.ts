import { requireContentType } from './content-type.ts'
import { parseJsonBody } from './json-body.ts'
import { JSON_TYPE } from './media-types.ts'
import { addRoute, answerJson, NO_PARAMETERS } from './route.ts'
import type { Services } from './services.ts'
import { TopicPath } from './topic-path.ts'
import { AlterTopicRequest, CreateTopicRequest, TopicAnswer, TopicListAnswer } from './topic-schemas.ts'

export function addTopicRoutes(services: Services): void {
  const { broker, bodies } = services
  addRoute(
    services,
    {
      method: 'get',
      path: '/topics',
      summary: 'List the topics',
      pathParameters: NO_PARAMETERS,
      query: NO_PARAMETERS,
      answers: {
        200: {
          description: 'Every topic, in the order of their names.',
          contents: { [JSON_TYPE]: TopicListAnswer },
        },
      },
      errors: [],
    },
    async () => answerJson(TopicListAnswer, { topics: await broker.listTopics() }),
  )

  addRoute(
    services,
    {
      method: 'post',
      path: '/topics',
      summary: 'Create a topic',
      pathParameters: NO_PARAMETERS,
      query: NO_PARAMETERS,
      body: { [JSON_TYPE]: CreateTopicRequest },
      answers: { 201: { description: 'The new topic.', contents: { [JSON_TYPE]: TopicAnswer } } },
      errors: ['TOPIC_ALREADY_EXISTS', 'INVALID_TOPIC_EXCEPTION', 'INVALID_PARTITIONS', 'INVALID_CONFIG'],
    },
    async ({ context }) => {
      requireContentType(context.req.raw, [JSON_TYPE])
      return bodies.read(context.req.raw, async body => {
        const request = parseJsonBody(body, CreateTopicRequest)
        const topic = await broker.createTopic(request)
        return answerJson(TopicAnswer, topic, 201, { location: `/topics/${encodeURIComponent(topic.topic)}` })
      })
    },
  )

  addRoute(
    services,
    {
      method: 'get',
      path: '/topics/{topic}',
      summary: 'Describe a topic',
      pathParameters: TopicPath,
      query: NO_PARAMETERS,
      answers: { 200: { description: 'The topic.', contents: { [JSON_TYPE]: TopicAnswer } } },
      errors: ['UNKNOWN_TOPIC_OR_PARTITION', 'INVALID_TOPIC_EXCEPTION'],
    },
    async ({ path }) => answerJson(TopicAnswer, await broker.describeTopic(path.topic)),
  )

  addRoute(
    services,
    {
      method: 'patch',
      path: '/topics/{topic}',
      summary: 'Add partitions to a topic, or change its configs',
      description: 'The change applies whole or not at all.',
      pathParameters: TopicPath,
      query: NO_PARAMETERS,
      body: { [JSON_TYPE]: AlterTopicRequest },
      answers: {
        200: { description: 'The topic after the change.', contents: { [JSON_TYPE]: TopicAnswer } },
      },
      errors: [
        'UNKNOWN_TOPIC_OR_PARTITION',
        'INVALID_TOPIC_EXCEPTION',
        'INVALID_PARTITIONS',
        'INVALID_CONFIG',
      ],
    },
    async ({ context, path }) => {
      requireContentType(context.req.raw, [JSON_TYPE])
      return bodies.read(context.req.raw, async body => {
        const change = parseJsonBody(body, AlterTopicRequest)
        return answerJson(TopicAnswer, await broker.alterTopic({ ...change, topic: path.topic }))
      })
    },
  )

  addRoute(
    services,
    {
      method: 'delete',
      path: '/topics/{topic}',
      summary: 'Delete a topic and its records',
      pathParameters: TopicPath,
      query: NO_PARAMETERS,
      answers: { 204: { description: 'The topic is gone.' } },
      errors: ['UNKNOWN_TOPIC_OR_PARTITION', 'INVALID_TOPIC_EXCEPTION'],
    },
    async ({ path }) => {
      await broker.deleteTopic(path.topic)
      return new Response(null, { status: 204 })
    },
  )
}
