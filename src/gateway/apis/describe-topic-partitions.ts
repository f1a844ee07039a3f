import type { TopicSummary } from '../../contract/broker.ts'
import { TidemarkError } from '../../core/errors.ts'
import { checkTopicName } from '../../core/topic/topic-name.ts'
import type { RequestOf, ResponseOf } from '../wire/api.ts'
import { DescribeTopicPartitions } from '../wire/messages/describe-topic-partitions.ts'
import { LEADER_EPOCH, TOPIC_OPERATIONS } from './cluster.ts'
import type { Context } from './context.ts'
import { codeOf, NONE, toApiError } from './error-code.ts'
import { handler } from './handler.ts'

type Request = RequestOf<typeof DescribeTopicPartitions>
type Answer = ResponseOf<typeof DescribeTopicPartitions>
type TopicAnswer = Answer['topics'][number]
type Cursor = NonNullable<Request['cursor']>

/** Kafka's `max.request.partition.size.limit`. */
const PARTITIONS_MAX = 2_000

/** In the order of the topics' names, from the cursor on: as many partitions as the client and Kafka's limit let through. */
export const describeTopicPartitions = handler(
  DescribeTopicPartitions,
  [0, 0],
  async (request, context): Promise<Answer> => {
    const { cursor, responsePartitionLimit } = request
    const names = await namesOf(request, context)
    if (cursor && (cursor.partitionIndex < 0 || !names.includes(cursor.topicName))) {
      const name = request.topics[0]?.name ?? cursor.topicName
      return { topics: [{ errorCode: codeOf('INVALID_REQUEST'), name, partitions: [] }] }
    }
    let left = Math.min(Math.max(responsePartitionLimit, 1), PARTITIONS_MAX)
    const topics: TopicAnswer[] = []
    const wanted = names.filter(name => !cursor || name >= cursor.topicName)
    // At once: so those that are not known are looked for together.
    const all = await Promise.all(wanted.map(name => find(name, context)))
    for (const [index, name] of wanted.entries()) {
      const first = cursor?.topicName === name ? cursor.partitionIndex : 0
      const found = all[index]!
      if (!('partitions' in found)) {
        topics.push({ ...found, name, partitions: [], topicAuthorizedOperations: TOPIC_OPERATIONS })
        continue
      }
      if (left === 0) return { topics, nextCursor: { topicName: name, partitionIndex: 0 } }
      const end = Math.min(found.partitions, first + left)
      topics.push(describe(found, first, end, context))
      left -= Math.max(0, end - first)
      if (end < found.partitions) return { topics, nextCursor: { topicName: name, partitionIndex: end } }
    }
    return { topics, nextCursor: null }
  },
)

async function namesOf({ topics, cursor }: Request, context: Context): Promise<string[]> {
  if (topics.length === 0) return (await context.topics.all()).map(({ topic }) => topic)
  const names = new Set(topics.map(({ name }) => name))
  return [...names].sort().filter(name => !cursor || name >= cursor.topicName)
}

async function find(name: string, { topics }: Context): Promise<TopicSummary | { errorCode: number }> {
  try {
    checkTopicName(name)
    const found = await topics.byName(name)
    if (!found) throw new TidemarkError('UNKNOWN_TOPIC_OR_PARTITION', '')
    return found
  } catch (error) {
    return { errorCode: toApiError(error).errorCode }
  }
}

function describe(
  { topic, topicId }: TopicSummary,
  first: Cursor['partitionIndex'],
  end: number,
  { settings: { nodeId } }: Context,
): TopicAnswer {
  return {
    errorCode: NONE,
    name: topic,
    topicId,
    partitions: Array.from({ length: Math.max(0, end - first) }, (_, index) => ({
      errorCode: NONE,
      partitionIndex: first + index,
      leaderId: nodeId,
      leaderEpoch: LEADER_EPOCH,
      replicaNodes: [nodeId],
      isrNodes: [nodeId],
      eligibleLeaderReplicas: [],
      lastKnownElr: [],
    })),
    topicAuthorizedOperations: TOPIC_OPERATIONS,
  }
}
