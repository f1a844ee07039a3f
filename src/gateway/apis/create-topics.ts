import type { TopicDescription } from '../../contract/broker.ts'
import { TidemarkError } from '../../core/errors.ts'
import { TOPIC_PARTITIONS_MAX } from '../../core/limits.ts'
import { checkConfigs, checkTogether, describeConfigs } from '../../core/topic/topic-config.ts'
import { checkTopicName } from '../../core/topic/topic-name.ts'
import { Lane } from '../../core/turns.ts'
import type { RequestOf, ResponseOf } from '../wire/api.ts'
import { CreateTopics } from '../wire/messages/create-topics.ts'
import { NO_UUID } from '../wire/schema.ts'
import { checkReplicas, wrong } from './assignments.ts'
import type { Context, GatewaySettings } from './context.ts'
import { apiError, NONE, toApiError } from './error-code.ts'
import { handler } from './handler.ts'
import { namedOnce } from './named-once.ts'
import { describeTopicConfigs, toOwnConfigs } from './topic-configs.ts'

type AskedTopic = RequestOf<typeof CreateTopics>['topics'][number]
type TopicAnswer = ResponseOf<typeof CreateTopics>['topics'][number]

/** Of one request, at the same time. */
const TOPICS_PARALLEL = 8
/** What a client says that leaves a number to its broker. */
const DEFAULT = -1
/** What is told: each partition is on every gateway, and is lost with none. */
const REPLICATION_FACTOR = 1
/**
 * What is taken, and means nothing: 3 is what the world's tools ask for, and no gateway has a copy that could be lost. Kafka
 * takes as many as it has brokers.
 */
const REPLICATION_FACTOR_MAX = 3

export const createTopics = handler(
  CreateTopics,
  [2, 7],
  async ({ topics, validateOnly: isTrial }, context): Promise<ResponseOf<typeof CreateTopics>> => {
    const { once, twice } = namedOnce(topics, ({ name }) => name)
    const lane = new Lane(TOPICS_PARALLEL)
    const made = await Promise.all(once.map(topic => lane.run(() => create(topic, isTrial, context))))
    context.topics.forget()
    const duplicate = apiError('INVALID_REQUEST', 'The request names this topic twice.')
    return { topics: [...twice.map(({ name }) => ({ name, ...duplicate, configs: [] })), ...made] }
  },
)

async function create(asked: AskedTopic, isTrial: boolean, context: Context): Promise<TopicAnswer> {
  const { name } = asked
  try {
    const partitions = partitionsOf(asked, context.settings)
    const configs = toOwnConfigs(asked.configs)
    const description = isTrial
      ? await tryOut(name, partitions, configs, context)
      : await context.broker.createTopic({ topic: name, partitions, configs })
    return {
      name,
      topicId: description.topicId,
      errorCode: NONE,
      numPartitions: partitions,
      replicationFactor: REPLICATION_FACTOR,
      configs: describeTopicConfigs(description.configs),
    }
  } catch (error) {
    return { name, ...toApiError(error), configs: [] }
  }
}

/** What the broker would refuse. */
async function tryOut(
  topic: string,
  partitions: number,
  configs: Record<string, string>,
  { topics }: Context,
): Promise<Pick<TopicDescription, 'topicId' | 'configs'>> {
  checkTopicName(topic)
  if (partitions > TOPIC_PARTITIONS_MAX) throw tooMany(partitions)
  checkConfigs(configs)
  checkTogether(configs, Object.keys(configs))
  if (await topics.byName(topic)) {
    throw new TidemarkError('TOPIC_ALREADY_EXISTS', `There is a topic "${topic}" already.`)
  }
  // Kafka tells one of a topic that there never is.
  return { topicId: NO_UUID, configs: describeConfigs(configs, true) }
}

function partitionsOf(
  { numPartitions, replicationFactor, assignments }: AskedTopic,
  settings: GatewaySettings,
): number {
  if (assignments.length > 0) {
    if (numPartitions !== DEFAULT || replicationFactor !== DEFAULT) {
      throw new TidemarkError(
        'INVALID_REQUEST',
        'With replicas for each partition, their number and the replication factor are left to those: both are -1.',
      )
    }
    const indexes = assignments.map(({ partitionIndex }) => partitionIndex)
    if (indexes.toSorted((one, other) => one - other).some((partition, index) => partition !== index)) {
      throw wrong(`Partitions are numbered from 0 on without a gap, and not ${indexes.join(', ')}.`)
    }
    for (const { brokerIds } of assignments) checkReplicas(brokerIds, settings)
    return assignments.length
  }
  if (
    replicationFactor !== DEFAULT &&
    (replicationFactor < 1 || replicationFactor > REPLICATION_FACTOR_MAX)
  ) {
    throw new TidemarkError(
      'INVALID_REPLICATION_FACTOR',
      `A replication factor is 1 to ${REPLICATION_FACTOR_MAX}, or -1, and not ${replicationFactor}. It means nothing here: ` +
        'records are kept as safe as their store keeps them.',
    )
  }
  if (numPartitions === DEFAULT) return settings.autoCreate?.partitions ?? 1
  if (numPartitions < 1) throw tooMany(numPartitions)
  return numPartitions
}

function tooMany(partitions: number): TidemarkError {
  return new TidemarkError(
    'INVALID_PARTITIONS',
    `A topic has 1 to ${TOPIC_PARTITIONS_MAX} partitions, and not ${partitions}.`,
  )
}
