import { TidemarkError } from '../../../core/errors.ts'
import {
  FETCH_BYTES_MAX,
  FETCH_DEFAULT_BYTES,
  FETCH_WAIT_MS_MAX,
  JSON_STORED_BYTES_MAX,
} from '../../../core/limits.ts'
import type { Offset } from '../../../core/numbers.ts'
import type { Fetched } from '../../broker.ts'
import { BATCHES_TYPE, JSON_TYPE } from '../media-types.ts'
import type { RouteDocumentation, Schemas } from '../openapi/documentation.ts'
import { AnswerRoom } from '../records/answer-room.ts'
import { bodyOf } from '../records/chunk-body.ts'
import { inLentMemory } from '../records/in-lent-memory.ts'
import { JsonMemory } from '../records/json-memory.ts'
import { toLocatedRanges } from '../records/located-ranges.ts'
import { END_OFFSET_HEADER, NEXT_OFFSET_HEADER, START_OFFSET_HEADER } from '../records/offset-headers.ts'
import { choiceParameter, numberParameter, optional, textParameter } from '../requests/parameters.ts'
import { whileConnected } from '../requests/while-connected.ts'
import { answerJson, defineRoute } from '../route.ts'

const FETCH_QUERY = {
  offset: numberParameter<Offset>('The first record that is wanted.'),
  maxBytes: optional(
    numberParameter(
      'What is sent. As record batches a soft limit, as in Kafka: at least one batch comes, however large; in JSON, ' +
        `at least one record. ${FETCH_DEFAULT_BYTES} when it is left out; larger values than ${FETCH_BYTES_MAX} count as that.`,
    ),
    FETCH_DEFAULT_BYTES,
  ),
  minBytes: optional(numberParameter('How much to wait for.'), 1),
  maxWaitMs: optional(
    numberParameter(
      'How long to wait for minBytes at the end of the log (long poll); 0 when it is left out. ' +
        `Larger values than ${FETCH_WAIT_MS_MAX} count as that.`,
    ),
    0,
  ),
  topicId: optional(
    textParameter(
      'Of the topic that is meant. One that was made anew under the name has another: then the answer is UNKNOWN_TOPIC_ID.',
    ),
  ),
  locate: optional(
    choiceParameter(
      ['true', 'false'],
      'true: tell where the bytes lie, as URLs that work for a while, and not what they are.',
    ),
    'false',
  ),
  encoding: optional(
    choiceParameter(
      ['auto', 'base64'],
      'How keys and values stand in JSON. auto: as a string when they are UTF-8, else as {"base64": …}; ' +
        'base64: always as {"base64": …}.',
    ),
    'auto',
  ),
}

export const route = defineRoute({
  method: 'get',
  path: '/topics/{topic}/partitions/{partition}/records',
  query: FETCH_QUERY,
  answerTypes: [JSON_TYPE, BATCHES_TYPE],
  handle: async ({ broker, answers }, { context, path, query, accepted }) => {
    const { encoding = 'auto', maxBytes, maxWaitMs, minBytes, offset, topicId } = query
    const isLocated = query.locate === 'true'
    if (isLocated && accepted !== JSON_TYPE) {
      throw new TidemarkError('INVALID_REQUEST', `locate=true answers in JSON: accept ${JSON_TYPE}.`)
    }
    // Located bytes do not pass through here, so what an answer can carry is no limit for them.
    const bytesMax = isLocated ? FETCH_BYTES_MAX : answers.fetchBytesMax
    const request = {
      ...path,
      offset,
      maxBytes: Math.min(maxBytes ?? FETCH_DEFAULT_BYTES, bytesMax),
      ...(topicId !== undefined && { topicId }),
      ...(minBytes !== undefined && { minBytes }),
      ...(maxWaitMs !== undefined && { maxWaitMs: Math.min(maxWaitMs, answers.waitMsMax) }),
    }
    return whileConnected(context, maxWaitMs, async signal => {
      if (isLocated) {
        const { ranges, nextOffset, ...offsets } = await broker.locate({ ...request, ...signal })
        const room = new AnswerRoom(answers.answerBytesMax)
        const told = toLocatedRanges(ranges, { from: offset, nextOffset }, room)
        return answerJson<'LocateAnswer'>({ ...offsets, ...told })
      }
      const { room } = context.env
      if (accepted === BATCHES_TYPE) {
        return answerBatches(
          await inLentMemory(context, signal, lent => broker.fetch({ ...request, ...signal, ...lent })),
        )
      }
      // What they become in JSON is not known beforehand: some are fetched, and as many as have room are answered.
      const storedBytes = Math.min(request.maxBytes, JSON_STORED_BYTES_MAX)
      const memory = new JsonMemory(room, request.maxBytes, signal.signal)
      const reserve = (bytes: number) => memory.reserve(bytes)
      const fetched = await broker.fetch({ ...request, maxBytes: storedBytes, ...signal, reserve })
      // With the first read that wants JSON: most want the batches.
      const { answerJsonRecords } = await import('../records/json-answer.ts')
      return answerJsonRecords(fetched, {
        offset,
        encoding,
        maxBytes: request.maxBytes,
        answerBytesMax: answers.answerBytesMax,
        memory,
        signal: () => context.req.raw.signal,
      })
    })
  },
})

export const documentation = ({ ReadAnswer }: Schemas): RouteDocumentation => ({
  summary: 'Read records',
  description:
    `As JSON, or by Accept: ${BATCHES_TYPE} as Kafka record batches (magic 2), of which the first may begin ` +
    'before the asked offset, as in Kafka. An empty answer is the end of the log. Go on at nextOffset.',
  answers: {
    200: {
      description: 'Records from the offset on; with locate=true, where they lie.',
      json: ReadAnswer,
      headers: {
        [START_OFFSET_HEADER]: 'With record batches: the first offset that is served.',
        [END_OFFSET_HEADER]: 'With record batches: the offset that the next record gets.',
        [NEXT_OFFSET_HEADER]: 'With record batches: where the next fetch goes on.',
      },
    },
  },
  errors: ['UNKNOWN_TOPIC_ID', 'MESSAGE_TOO_LARGE', 'OFFSET_OUT_OF_RANGE', 'KAFKA_STORAGE_ERROR'],
})

function answerBatches({ startOffset, endOffset, nextOffset, chunks }: Fetched): Response {
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  const headers = {
    'content-type': BATCHES_TYPE,
    'content-length': String(bytes),
    [START_OFFSET_HEADER]: String(startOffset),
    [END_OFFSET_HEADER]: String(endOffset),
    [NEXT_OFFSET_HEADER]: String(nextOffset),
  }
  return new Response(bodyOf(chunks, bytes), { headers })
}
