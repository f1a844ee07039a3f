import type * as z from 'zod'
import { TidemarkError } from '../../../core/errors.ts'
import { FETCH_BYTES_MAX, FETCH_DEFAULT_BYTES, FETCH_WAIT_MS_MAX } from '../../../core/limits.ts'
import type { Fetched, Located } from '../../broker.ts'
import { BATCHES_TYPE, JSON_TYPE } from '../media-types.ts'
import { PARTITION_PATH } from '../partition-path.ts'
import { AnswerRoom } from '../records/answer-room.ts'
import { toJsonRecords } from '../records/json-records.ts'
import { END_OFFSET_HEADER, NEXT_OFFSET_HEADER, START_OFFSET_HEADER } from '../records/offset-headers.ts'
import { choiceParameter, numberParameter, offsetParameter, optional } from '../requests/parameters.ts'
import { addRoute, answerJson, type HttpContext } from '../route.ts'
import type { FetchAnswer, LocateAnswer } from '../schemas/records.ts'
import type { Services } from '../services.ts'

/** Below this, copying chunks together costs less than sending them one by one. */
const COPIED_BYTES_MAX = 64 * 1024

const FETCH_QUERY = {
  offset: offsetParameter('The first record that is wanted.'),
  maxBytes: optional(
    numberParameter(
      `A soft limit, as in Kafka: at least one batch comes, however large. ${FETCH_DEFAULT_BYTES} when it is ` +
        `left out; larger values than ${FETCH_BYTES_MAX} count as that.`,
    ),
  ),
  minBytes: optional(numberParameter('How much to wait for; 1 when it is left out.')),
  maxWaitMs: optional(
    numberParameter(
      'How long to wait for minBytes at the end of the log (long poll); 0 when it is left out. ' +
        `Larger values than ${FETCH_WAIT_MS_MAX} count as that.`,
    ),
  ),
  locate: optional(
    choiceParameter(
      ['true', 'false'],
      'true: tell where the bytes lie, as URLs that work for a while, and not what they are.',
    ),
  ),
  encoding: optional(
    choiceParameter(
      ['auto', 'base64'],
      'How keys and values stand in JSON. auto: as a string when they are UTF-8, else as {"base64": …}; ' +
        'base64: always as {"base64": …}.',
    ),
  ),
}

export function addFetchRoutes(services: Services): void {
  const { broker, answers } = services
  addRoute(
    services,
    {
      method: 'get',
      path: '/topics/{topic}/partitions/{partition}/records',
      pathParameters: PARTITION_PATH,
      query: FETCH_QUERY,
      answerTypes: [JSON_TYPE, BATCHES_TYPE],
    },
    async ({ context, path, query, accepted }) => {
      const { locate, encoding = 'auto', maxBytes, maxWaitMs, minBytes, offset } = query
      // Located bytes do not pass through here, so what an answer can carry is no limit for them.
      const bytesMax = locate === 'true' ? FETCH_BYTES_MAX : answers.fetchBytesMax
      const request = {
        ...path,
        offset,
        maxBytes: Math.min(maxBytes ?? FETCH_DEFAULT_BYTES, bytesMax),
        ...(minBytes === undefined ? {} : { minBytes }),
        ...(maxWaitMs === undefined ? {} : { maxWaitMs: Math.min(maxWaitMs, answers.waitMsMax) }),
      }
      if (locate === 'true') {
        if (accepted !== JSON_TYPE) {
          throw new TidemarkError('INVALID_REQUEST', `locate=true answers in JSON: accept ${JSON_TYPE}.`)
        }
        const located = await whileConnected(context, maxWaitMs, signal =>
          broker.locate({ ...request, ...signal }),
        )
        return answerJson<typeof LocateAnswer>(toJsonRanges(located, context.req.url, answers.answerBytesMax))
      }
      const fetched = await whileConnected(context, maxWaitMs, signal =>
        broker.fetch({ ...request, ...signal }),
      )
      if (accepted === BATCHES_TYPE) return answerBatches(fetched)
      return answerJson<typeof FetchAnswer>(toJsonRecords(fetched, offset, encoding, answers.answerBytesMax))
    },
  )
}

/** Ends a long poll when its client goes away or the server stops. */
async function whileConnected<T>(
  context: HttpContext,
  maxWaitMs: number | undefined,
  wait: (options: { signal?: AbortSignal }) => Promise<T>,
): Promise<T> {
  if (!maxWaitMs) return wait({})
  const controller = new AbortController()
  const end = () => controller.abort()
  const signals = [context.req.raw.signal, context.env.stopping].filter(signal => signal !== undefined)
  // By hand and not by AbortSignal.any, which would hang one more signal on the server's for each request.
  for (const signal of signals) {
    if (signal.aborted) end()
    signal.addEventListener('abort', end)
  }
  try {
    return await wait({ signal: controller.signal })
  } finally {
    for (const signal of signals) signal.removeEventListener('abort', end)
  }
}

function answerBatches({ startOffset, endOffset, nextOffset, chunks }: Fetched): Response {
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  const headers = {
    'content-type': BATCHES_TYPE,
    'content-length': String(bytes),
    [START_OFFSET_HEADER]: String(startOffset),
    [END_OFFSET_HEADER]: String(endOffset),
    [NEXT_OFFSET_HEADER]: String(nextOffset),
  }
  if (chunks.length === 1) return new Response(chunks[0] as Uint8Array<ArrayBuffer>, { headers })
  return new Response(bytes <= COPIED_BYTES_MAX ? Buffer.concat(chunks) : streamOf(chunks), { headers })
}

function streamOf(chunks: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  const remaining = chunks.values()
  return new ReadableStream({
    pull(controller) {
      const { done, value } = remaining.next()
      if (done) controller.close()
      else controller.enqueue(value)
    },
  })
}

/** @param answerBytesMax what the answer may have: ranges beyond it are left to the next fetch */
function toJsonRanges(
  { ranges, ...offsets }: Located,
  requestUrl: string,
  answerBytesMax: number,
): z.input<typeof LocateAnswer> {
  const room = new AnswerRoom(answerBytesMax)
  const listed: z.input<typeof LocateAnswer>['ranges'] = []
  for (const range of ranges) {
    const described =
      'inline' in range
        ? { ...range, inline: Buffer.from(range.inline).toString('base64') }
        : // A URL that begins with its path is for this server, by whatever name the client reached it.
          { ...range, url: new URL(range.url, requestUrl).href }
    // The first one comes in any case, so that every answer gets further.
    if (!room.take(described) && listed.length > 0)
      return { ...offsets, nextOffset: range.baseOffset, ranges: listed }
    listed.push(described)
  }
  return { ...offsets, ranges: listed }
}
