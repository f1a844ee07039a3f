import { TidemarkError } from '../../core/errors.ts'
import { TOPIC_PARTITIONS_MAX } from '../../core/limits.ts'
import type { RequestOf, ResponseOf } from '../wire/api.ts'
import { CreatePartitions } from '../wire/messages/create-partitions.ts'
import { checkReplicas, wrong } from './assignments.ts'
import type { Context } from './context.ts'
import { apiError, NONE, toApiError } from './error-code.ts'
import { handler } from './handler.ts'
import { namedOnce } from './named-once.ts'

type AskedTopic = RequestOf<typeof CreatePartitions>['topics'][number]

export const createPartitions = handler(
  CreatePartitions,
  [0, 3],
  async ({ topics, validateOnly: isTrial }, context) => {
    const { once, twice } = namedOnce(topics, ({ name }) => name)
    const results: ResponseOf<typeof CreatePartitions>['results'][number][] = twice.map(({ name }) => ({
      name,
      ...apiError('INVALID_REQUEST', 'The request names this topic twice.'),
    }))
    for (const topic of once) results.push(await grow(topic, isTrial, context))
    context.topics.forget()
    return { results }
  },
)

async function grow({ name, count, assignments }: AskedTopic, isTrial: boolean, context: Context) {
  const { broker, settings, topics } = context
  try {
    const found = await topics.byName(name)
    if (!found) throw new TidemarkError('UNKNOWN_TOPIC_OR_PARTITION', `There is no topic "${name}".`)
    if (assignments) {
      if (assignments.length !== count - found.partitions) {
        throw wrong(
          `There are ${count - found.partitions} partitions more, and replicas for ${assignments.length}.`,
        )
      }
      for (const { brokerIds } of assignments) checkReplicas(brokerIds, settings)
    }
    if (!isTrial) await broker.alterTopic({ topic: name, partitions: count })
    else if (count <= found.partitions || count > TOPIC_PARTITIONS_MAX) {
      throw new TidemarkError(
        'INVALID_PARTITIONS',
        `Topic "${name}" has ${found.partitions} partitions; ${count} is no growth, or too many.`,
      )
    }
    return { name, errorCode: NONE, errorMessage: null }
  } catch (error) {
    return { name, ...toApiError(error) }
  }
}
