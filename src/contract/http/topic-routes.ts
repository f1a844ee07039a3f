import { JSON_TYPE } from './media-types.ts'
import { requireContentType } from './requests/content-type.ts'
import { parseJsonBody } from './requests/json-body.ts'
import { NO_PARAMETERS } from './requests/parameters.ts'
import { TOPIC_PATH } from './requests/paths.ts'
import { addRoute, answerJson } from './route.ts'
import type { TopicAnswer, TopicListAnswer } from './schemas/topics.ts'
import type { Services } from './services.ts'

/** Loaded for the first body: most requests have none, and zod is large. */
const loadSchemas = () => import('./schemas/topics.ts')

export function addTopicRoutes(services: Services): void {
  const { broker, bodies } = services
  addRoute(
    services,
    {
      method: 'get',
      path: '/topics',
      pathParameters: NO_PARAMETERS,
      query: NO_PARAMETERS,
      answerTypes: [JSON_TYPE],
    },
    async () => answerJson<typeof TopicListAnswer>({ topics: await broker.listTopics() }),
  )

  addRoute(
    services,
    {
      method: 'post',
      path: '/topics',
      pathParameters: NO_PARAMETERS,
      query: NO_PARAMETERS,
      answerTypes: [JSON_TYPE],
    },
    async ({ context }) => {
      requireContentType(context.req.raw, [JSON_TYPE])
      return bodies.read(context.req.raw, async body => {
        const { CreateTopicRequest } = await loadSchemas()
        const request = parseJsonBody(body, CreateTopicRequest)
        const topic = await broker.createTopic(request)
        return answerJson<typeof TopicAnswer>(topic, 201, {
          location: `/topics/${encodeURIComponent(topic.topic)}`,
        })
      })
    },
  )

  addRoute(
    services,
    {
      method: 'get',
      path: '/topics/{topic}',
      pathParameters: TOPIC_PATH,
      query: NO_PARAMETERS,
      answerTypes: [JSON_TYPE],
    },
    async ({ path }) => answerJson<typeof TopicAnswer>(await broker.describeTopic(path.topic)),
  )

  addRoute(
    services,
    {
      method: 'patch',
      path: '/topics/{topic}',
      pathParameters: TOPIC_PATH,
      query: NO_PARAMETERS,
      answerTypes: [JSON_TYPE],
    },
    async ({ context, path }) => {
      requireContentType(context.req.raw, [JSON_TYPE])
      return bodies.read(context.req.raw, async body => {
        const { AlterTopicRequest } = await loadSchemas()
        const change = parseJsonBody(body, AlterTopicRequest)
        return answerJson<typeof TopicAnswer>(await broker.alterTopic({ ...change, topic: path.topic }))
      })
    },
  )

  addRoute(
    services,
    {
      method: 'delete',
      path: '/topics/{topic}',
      pathParameters: TOPIC_PATH,
      query: NO_PARAMETERS,
      answerTypes: [JSON_TYPE],
    },
    async ({ path }) => {
      await broker.deleteTopic(path.topic)
      return new Response(null, { status: 204 })
    },
  )
}
