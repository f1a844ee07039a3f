import { FETCH_PARTITIONS_MAX } from '../../../core/limits.ts'
import { FRAMES_TYPE, JSON_TYPE } from '../media-types.ts'
import type { RouteDocumentation, Schemas } from '../openapi/documentation.ts'
import { answerFetch } from '../records/answer-fetch.ts'
import { defineRoute } from '../route.ts'
import { wakingHeaders } from './waking-headers.ts'

export const route = defineRoute({
  method: 'post',
  path: '/fetch',
  answerTypes: [FRAMES_TYPE, JSON_TYPE],
  handle: (services, { context }) => answerFetch(services, context),
})

export const documentation = ({ FetchManyRequest, LocateManyAnswer }: Schemas): RouteDocumentation => ({
  summary: 'Read records of many partitions',
  description:
    `Of up to ${FETCH_PARTITIONS_MAX} partitions with one wait over all of them. A frame for each, in the order of the request, ` +
    'with record batches or what is wrong with this one: a header of 46 bytes, big-endian, and the bytes that it tells of. ' +
    "int16: Kafka's number of the error, or 0. 16 bytes: the topic's id, or zeros. int64, three times: startOffset, endOffset, " +
    'nextOffset; of an error -1. int32: how many bytes follow: record batches, or of an error JSON with kafkaError, detail, ' +
    'retriable and written, which may be missing. With locate, JSON.',
  body: FetchManyRequest,
  answers: {
    200: {
      description: 'An answer for each partition.',
      json: LocateManyAnswer,
      headers: wakingHeaders(),
    },
  },
})
