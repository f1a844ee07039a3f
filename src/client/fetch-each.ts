import type {
  FailedPartition,
  Fetch,
  Fetched,
  FetchMany,
  FetchPartition,
  Located,
} from '../contract/broker.ts'
import { type KafkaErrorName, TidemarkError } from '../core/errors.ts'
import { FETCH_DEFAULT_BYTES } from '../core/limits.ts'

/** Requests under way at the same time. */
const PARALLEL_MAX = 16
/** With more partitions than that, how long a round over all of them may wait. */
const ROUND_MS = 1_000

const WHOLE: ReadonlySet<KafkaErrorName> = new Set(['INVALID_REQUEST', 'UNSUPPORTED_VERSION'])

/** One partition's answer, with how it was asked for. */
export type EachAnswer<T> = { topic: string | undefined; topicId: string | undefined; partition: number } & (
  | T
  | FailedPartition
)

/**
 * Reads many partitions from a broker that answers for one at a time. First without waiting; where there is nothing, as many
 * wait as may be under way, until one of them has something. Partitions behind it get what is left.
 */
export async function fetchEach<T extends Fetched | Located>(
  request: FetchMany,
  fetchOne: (request: Fetch) => Promise<T>,
): Promise<{ partitions: EachAnswer<T>[] }> {
  const { partitions: asked, maxBytes = FETCH_DEFAULT_BYTES, maxWaitMs = 0, signal } = request
  const untilMs = performance.now() + maxWaitMs
  const answers: EachAnswer<T>[] = []
  let left = maxBytes
  const round = async (waitMs: number) => {
    let isOver = waitMs === 0
    for (let start = 0; start < asked.length; start += PARALLEL_MAX) {
      const hurry = new AbortController()
      const end = () => hurry.abort()
      signal?.addEventListener('abort', end)
      if (signal?.aborted) end()
      const group = asked.slice(start, start + PARALLEL_MAX)
      await Promise.all(
        group.map(async (one, index) => {
          const answer = await answerOf(one, fetchOne, {
            // What is left is not known before the others have come; at least one batch comes of each.
            maxBytes: Math.max(1, Math.min(one.maxBytes ?? maxBytes, left)),
            ...(waitMs > 0 && { maxWaitMs: waitMs, signal: hurry.signal }),
          })
          answers[start + index] = answer
          left -= bytesOf(answer)
          if (!isNothing(answer)) isOver = true
          if (isOver) end()
        }),
      )
      signal?.removeEventListener('abort', end)
      if (isOver && waitMs > 0) break
    }
  }
  await round(0)
  while (answers.every(answer => isNothing(answer)) && !signal?.aborted) {
    const leftMs = Math.ceil(untilMs - performance.now())
    if (leftMs <= 0) break
    const shareMs = asked.length > PARALLEL_MAX ? (ROUND_MS * PARALLEL_MAX) / asked.length : leftMs
    await round(Math.max(1, Math.min(leftMs, Math.floor(shareMs))))
  }
  return { partitions: answers }
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
