import { checkTopicName } from '../../../core/topic/topic-name.ts'
import { FRAMES_TYPE, JSON_TYPE } from '../media-types.ts'
import type { RouteDocumentation, Schemas } from '../openapi/documentation.ts'
import { answerFetch } from '../records/answer-fetch.ts'
import { defineRoute } from '../route.ts'
import { wakingHeaders } from './waking-headers.ts'

/** A path of its own: who is let in by it may read one topic and no other. */
export const route = defineRoute({
  method: 'post',
  path: '/topics/{topic}/fetch',
  answerTypes: [FRAMES_TYPE, JSON_TYPE],
  handle: async (services, { context, path }) => {
    checkTopicName(path.topic)
    return await answerFetch(services, context, path.topic)
  },
})

export const documentation = ({ FetchTopicRequest, LocateManyAnswer }: Schemas): RouteDocumentation => ({
  summary: 'Read records of many partitions of a topic',
  description: 'As POST /fetch, of partitions of this topic.',
  body: FetchTopicRequest,
  answers: {
    200: {
      description: 'An answer for each partition.',
      json: LocateManyAnswer,
      headers: wakingHeaders(),
    },
  },
})
