import { TidemarkError } from '../../../core/errors.ts'
import { FETCH_BYTES_MAX, FETCH_DEFAULT_BYTES } from '../../../core/limits.ts'
import type { FetchedPartition, FetchPartition, LocatedMany } from '../../broker.ts'
import { chooseMediaType, FRAMES_TYPE, JSON_TYPE } from '../media-types.ts'
import { requireContentType } from '../requests/content-type.ts'
import { readFetchBody } from '../requests/fetch-body.ts'
import { parseBody } from '../requests/json-body.ts'
import { whileConnected } from '../requests/while-connected.ts'
import { answerJson, type HttpContext } from '../route.ts'
import type { Services } from '../services.ts'
import { AnswerRoom } from './answer-room.ts'
import { bodyOf } from './chunk-body.ts'
import { encodeFrames, toTold } from './fetch-frames.ts'
import { inLentMemory } from './in-lent-memory.ts'
import { toLocatedRanges } from './located-ranges.ts'

/** Below this, nobody is asked for memory for what stands around the batches. */
const FRAMES_FREE_BYTES = 16 * 1024

/**
 * Answers a request to fetch many partitions.
 * @param topic of all of them; undefined: each says its own
 */
export async function answerFetch(
  { broker, bodies, answers, waking }: Services,
  context: HttpContext,
  topic?: string,
): Promise<Response> {
  const { env, req } = context
  requireContentType(req.raw, [JSON_TYPE])
  // Not held while it waits: what the body says is little.
  const body = await bodies.read(req.raw, env.readBody, async bytes => readFetchBody(parseBody(bytes), topic))
  const { locate = false, maxBytes = FETCH_DEFAULT_BYTES, maxWaitMs, listener, ...rest } = body
  const wanted = locate ? JSON_TYPE : FRAMES_TYPE
  if (chooseMediaType(req.header('accept') ?? null, [wanted]) === undefined) {
    const what = locate ? 'With locate, it is answered' : 'Records of many partitions come'
    throw new TidemarkError('INVALID_REQUEST', `${what} as ${wanted}: accept that.`)
  }
  // Located bytes do not pass through here, so what an answer can carry is no limit for them.
  const bytesMax = locate ? FETCH_BYTES_MAX : answers.fetchBytesMax
  const request = {
    ...rest,
    maxBytes: Math.min(maxBytes, bytesMax),
    ...(maxWaitMs !== undefined && { maxWaitMs: Math.min(maxWaitMs, answers.waitMsMax) }),
  }
  // Loaded where somebody is woken.
  const arming = waking && (await (await import('./arming.ts')).Arming.of(waking, listener))
  return whileConnected(context, maxWaitMs, async signal => {
    if (locate) {
      const located = await broker.locateMany({ ...request, ...signal, ...arming?.call })
      const told = toJson(located, request.partitions, answers.answerBytesMax)
      return answerJson<'LocateManyAnswer'>(told, 200, arming?.headers(located.partitions))
    }
    const { room } = env
    const { partitions } = await inLentMemory(context, signal, lent =>
      broker.fetchMany({ ...request, ...signal, ...lent, ...arming?.call }),
    )
    const chunks = encodeFrames(partitions)
    const bytes = sumOf(chunks)
    const aroundBytes = bytes - sumOf(partitions.flatMap(chunksOf))
    if (room && aroundBytes > FRAMES_FREE_BYTES) await room.take(aroundBytes, signal.signal)
    const headers = {
      'content-type': FRAMES_TYPE,
      'content-length': String(bytes),
      ...arming?.headers(partitions),
    }
    return new Response(bodyOf(chunks, bytes), { headers })
  })
}

function chunksOf(answer: FetchedPartition): readonly Uint8Array[] {
  return 'chunks' in answer ? answer.chunks : []
}

function sumOf(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, { length }) => sum + length, 0)
}

/** @param answerBytesMax what the answer may have: ranges beyond it are left to the next fetch */
function toJson({ partitions }: LocatedMany, asked: readonly FetchPartition[], answerBytesMax: number) {
  const room = new AnswerRoom(answerBytesMax)
  let hasRanges = false
  return {
    partitions: partitions.map((answer, index) => {
      const { topic, topicId, partition } = answer
      const which = { topic, topicId, partition }
      if ('error' in answer) {
        const { error } = answer
        const failed = { ...which, error: { ...toTold(error), kafkaErrorNumber: error.kafkaNumber } }
        room.take(failed)
        return failed
      }
      const { startOffset, endOffset, nextOffset, ranges } = answer
      const offsets = { ...which, startOffset, endOffset }
      room.take(offsets)
      const told = toLocatedRanges(ranges, { from: asked[index]!.offset, nextOffset }, room, !hasRanges)
      hasRanges ||= told.ranges.length > 0
      return { ...offsets, ...told }
    }),
  }
}
