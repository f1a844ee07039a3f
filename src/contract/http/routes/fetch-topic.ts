import { checkTopicName } from '../../../core/topic/topic-name.ts'
import { ARMED_HEADER, WAKING_HEADER } from '../../waking/offer.ts'
import { FRAMES_TYPE, JSON_TYPE } from '../media-types.ts'
import type { RouteDocumentation, Schemas } from '../openapi/documentation.ts'
import { answerFetch } from '../records/answer-fetch.ts'
import { defineRoute } from '../route.ts'

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
      headers: {
        [WAKING_HEADER]: 'Where sockets are opened on which listeners are woken, if this broker wakes any.',
        [ARMED_HEADER]:
          'What became of the ticket: all, stale, forged, or the places in the request of those that are to be polled.',
      },
    },
  },
})
