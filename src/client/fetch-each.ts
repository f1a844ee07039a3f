import type {
  FailedPartition,
  Fetch,
  Fetched,
  FetchMany,
  FetchPartition,
  Located,
  Waking,
} from '../contract/broker.ts'
import { type KafkaErrorName, TidemarkError } from '../core/errors.ts'
import { FETCH_DEFAULT_BYTES } from '../core/limits.ts'
import { joinWaking } from './read-waking.ts'

/** Requests under way at the same time. */
const PARALLEL_MAX = 16
/** With more requests than that, how long a round over all of them may wait. */
const ROUND_MS = 1_000

const WHOLE: ReadonlySet<KafkaErrorName> = new Set(['INVALID_REQUEST', 'UNSUPPORTED_VERSION'])

/** One partition's answer, with how it was asked for. */
export type EachAnswer<T> = { topic: string | undefined; topicId: string | undefined; partition: number } & (
  | T
  | FailedPartition
)

export interface EachAnswers<T> {
  partitions: EachAnswer<T>[]
  waking?: Waking | undefined
}

/** Reads many partitions from a broker that answers for one at a time, as `fetchApart` does. */
export function fetchEach<T extends Fetched | Located>(
  request: FetchMany,
  fetchOne: (request: Fetch) => Promise<T>,
): Promise<EachAnswers<T>> {
  const each = request.partitions.map((_, index) => [index])
  return fetchApart(
    request,
    each,
    async ({ partitions, maxBytes = FETCH_DEFAULT_BYTES, maxWaitMs, signal }) => {
      const [one] = partitions
      const how = {
        maxBytes: Math.min(one!.maxBytes ?? maxBytes, maxBytes),
        ...(maxWaitMs !== undefined && { maxWaitMs }),
        ...(signal && { signal }),
      }
      return { partitions: [await answerOf(one!, fetchOne, how)] }
    },
  )
}

/**
 * Reads many partitions by several requests. First without waiting; where there is nothing, as many wait as may be under way,
 * until one of them has something. Those behind it get what is left.
 * @param groups of which partitions each request is, by their places
 */
export async function fetchApart<T extends Fetched | Located>(
  request: FetchMany,
  groups: readonly (readonly number[])[],
  fetchGroup: (request: FetchMany) => Promise<EachAnswers<T>>,
): Promise<EachAnswers<T>> {
  const { partitions: asked, maxBytes = FETCH_DEFAULT_BYTES, maxWaitMs = 0, listener, signal } = request
  // Armed by the first round, whatever the later ones find.
  const told: { places: readonly number[]; waking: Waking | undefined }[] = []
  const untilMs = performance.now() + maxWaitMs
  const answers: EachAnswer<T>[] = []
  let left = maxBytes
  const round = async (waitMs: number) => {
    let isOver = waitMs === 0
    for (let start = 0; start < groups.length; start += PARALLEL_MAX) {
      const hurry = new AbortController()
      const end = () => hurry.abort()
      signal?.addEventListener('abort', end)
      if (signal?.aborted) end()
      const some = groups.slice(start, start + PARALLEL_MAX)
      await Promise.all(
        some.map(async places => {
          const { partitions, waking } = await fetchGroup({
            partitions: places.map(place => asked[place]!),
            // What is left is not known before the others have come; at least one batch comes of each.
            maxBytes: Math.max(1, left),
            ...(waitMs > 0 ? { maxWaitMs: waitMs, signal: hurry.signal } : { listener }),
          })
          if (waitMs === 0) told.push({ places, waking })
          for (const [index, place] of places.entries()) {
            const answer = partitions[index]!
            answers[place] = answer
            left -= bytesOf(answer)
            if (!isNothing(answer)) isOver = true
          }
          if (isOver) end()
        }),
      ).finally(() => signal?.removeEventListener('abort', end))
      if (isOver && waitMs > 0) break
    }
  }
  await round(0)
  while (answers.every(answer => isNothing(answer)) && !signal?.aborted) {
    // Where none of them exists, each round would be over at once.
    if (answers.every(answer => 'error' in answer)) break
    const leftMs = Math.ceil(untilMs - performance.now())
    if (leftMs <= 0) break
    const shareMs = groups.length > PARALLEL_MAX ? (ROUND_MS * PARALLEL_MAX) / groups.length : leftMs
    await round(Math.max(1, Math.min(leftMs, Math.floor(shareMs))))
  }
  return { partitions: answers, waking: joinWaking(told) }
}

async function answerOf<T extends Fetched | Located>(
  { topic, topicId, partition, offset }: FetchPartition,
  fetchOne: (request: Fetch) => Promise<T>,
  how: Pick<Fetch, 'maxBytes' | 'maxWaitMs' | 'signal'>,
): Promise<EachAnswer<T>> {
  const which = { topic, topicId, partition }
  if (topic === undefined) {
    const error = new TidemarkError(
      'UNSUPPORTED_VERSION',
      'This broker is too old to know topics by their ids.',
    )
    return { ...which, error }
  }
  try {
    return { ...which, ...(await fetchOne({ topic, topicId, partition, offset, ...how })) }
  } catch (error) {
    // What is wrong with the request is wrong with all of them.
    const isWhole = !(error instanceof TidemarkError) || WHOLE.has(error.kafkaName)
    if (isWhole) throw error
    return { ...which, error }
  }
}

function isNothing(answer: EachAnswer<Fetched | Located>): boolean {
  if ('error' in answer) return answer.error.kafkaName === 'UNKNOWN_TOPIC_OR_PARTITION'
  return bytesOf(answer) === 0 && answer.nextOffset === answer.endOffset
}

function bytesOf(answer: EachAnswer<Fetched | Located>): number {
  if ('error' in answer) return 0
  if ('ranges' in answer) return answer.ranges.reduce((sum, { bytes }) => sum + bytes, 0)
  return answer.chunks.reduce((sum, { length }) => sum + length, 0)
}
