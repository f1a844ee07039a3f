import type { TopicSummary } from '../../contract/broker.ts'
import { TidemarkError } from '../../core/errors.ts'
import { checkTopicName } from '../../core/topic/topic-name.ts'
import { Metadata, type MetadataRequest, type MetadataResponse } from '../wire/messages/metadata.ts'
import { NO_UUID } from '../wire/schema.ts'
import {
  brokersOf,
  CLUSTER_OPERATIONS,
  LEADER_EPOCH,
  OPERATIONS_NOT_ASKED,
  TOPIC_OPERATIONS,
} from './cluster.ts'
import type { Context } from './context.ts'
import { NONE, toApiError } from './error-code.ts'
import { handler } from './handler.ts'

type TopicAnswer = MetadataResponse['topics'][number]

export const metadata = handler(Metadata, [0, 13], async (request, context): Promise<MetadataResponse> => {
  const { settings } = context
  const operations = request.includeTopicAuthorizedOperations ? TOPIC_OPERATIONS : OPERATIONS_NOT_ASKED
  const topics = await answerTopics(request, context)
  return {
    brokers: brokersOf(settings),
    clusterId: settings.clusterId,
    controllerId: settings.nodeId,
    topics: topics.map(topic => ({
      ...topic,
      topicAuthorizedOperations: topic.name === null ? OPERATIONS_NOT_ASKED : operations,
    })),
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations
      ? CLUSTER_OPERATIONS
      : OPERATIONS_NOT_ASKED,
  }
})

function answerTopics(request: MetadataRequest, context: Context): Promise<TopicAnswer[]> | TopicAnswer[] {
  const { topics } = request
  // In the first version nobody could ask for none.
  if (topics === null || (context.version === 0 && topics.length === 0)) return answerAll(context)
  // Kafka's rule: where there is an id, ids are what is asked for.
  const ids = new Set(topics.map(({ topicId }) => topicId).filter(topicId => topicId !== NO_UUID))
  if (ids.size > 0) return Promise.all(Array.from(ids, topicId => answerId(topicId, context)))
  const names = new Set(topics.map(({ name }) => name ?? ''))
  return Promise.all(Array.from(names, name => answerName(name, request, context)))
}

async function answerAll(context: Context): Promise<TopicAnswer[]> {
  return (await context.topics.all()).map(summary => answerTopic(summary, context))
}

async function answerId(topicId: string, context: Context): Promise<TopicAnswer> {
  try {
    const found = await context.topics.byId(topicId)
    if (found) return answerTopic(found, context)
    throw new TidemarkError('UNKNOWN_TOPIC_ID', `There is no topic with the id ${topicId}.`)
  } catch (error) {
    return { errorCode: toApiError(error).errorCode, name: null, topicId, partitions: [] }
  }
}

async function answerName(name: string, request: MetadataRequest, context: Context): Promise<TopicAnswer> {
  try {
    checkTopicName(name)
    const found = (await context.topics.byName(name)) ?? (await autoCreate(name, request, context))
    return answerTopic(found, context)
  } catch (error) {
    return { errorCode: toApiError(error).errorCode, name, topicId: NO_UUID, partitions: [] }
  }
}

/** @throws TidemarkError UNKNOWN_TOPIC_OR_PARTITION where topics are not made for who asks for them */
async function autoCreate(
  topic: string,
  { allowAutoTopicCreation }: MetadataRequest,
  { broker, settings, topics }: Context,
): Promise<TopicSummary> {
  if (settings.autoCreate && allowAutoTopicCreation) {
    try {
      return await broker.createTopic({ topic, partitions: settings.autoCreate.partitions })
    } catch (error) {
      if (!(error instanceof TidemarkError && error.kafkaName === 'TOPIC_ALREADY_EXISTS')) throw error
    } finally {
      topics.forget()
    }
    const found = await topics.byName(topic)
    if (found) return found
  }
  throw new TidemarkError('UNKNOWN_TOPIC_OR_PARTITION', `There is no topic "${topic}".`)
}

function answerTopic({ topic, topicId, partitions }: TopicSummary, { settings }: Context): TopicAnswer {
  const { nodeId } = settings
  return {
    errorCode: NONE,
    name: topic,
    topicId,
    partitions: Array.from({ length: partitions }, (_, partitionIndex) => ({
      errorCode: NONE,
      partitionIndex,
      leaderId: nodeId,
      leaderEpoch: LEADER_EPOCH,
      replicaNodes: [nodeId],
      isrNodes: [nodeId],
      offlineReplicas: [],
    })),
  }
}
