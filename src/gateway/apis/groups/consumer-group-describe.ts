import type { GroupDescription } from '../../../contract/groups.ts'
import { TidemarkError } from '../../../core/errors.ts'
import { groupBy } from '../../../core/since-node-22.ts'
import { ConsumerGroupDescribe } from '../../wire/messages/consumer-group-describe.ts'
import { NO_OPERATIONS } from '../../wire/schema.ts'
import { GROUP_OPERATIONS } from '../cluster.ts'
import type { Context } from '../context.ts'
import { NONE } from '../error-code.ts'
import { handler } from '../handler.ts'
import { toGroupError } from './codes.ts'

/** A member that joined by ConsumerGroupHeartbeat. */
const CONSUMER_MEMBER = 1

export const consumerGroupDescribe = handler(
  ConsumerGroupDescribe,
  [0, 1],
  async ({ groupIds, includeAuthorizedOperations }, context) => {
    const authorizedOperations = includeAuthorizedOperations ? GROUP_OPERATIONS : NO_OPERATIONS
    const groups = []
    for (const groupId of groupIds) {
      groups.push({ authorizedOperations, ...(await describeOne(groupId, context)), groupId })
    }
    return { groups }
  },
)

async function describeOne(groupId: string, context: Context) {
  try {
    const group = await context.broker.describeGroup(groupId)
    if (group.kind === 'classic') {
      throw new TidemarkError('GROUP_ID_NOT_FOUND', `Group ${groupId} is not a consumer group.`)
    }
    const topicIds = new Map((await context.topics.all()).map(({ topic, topicId }) => [topic, topicId]))
    return {
      errorCode: NONE,
      groupState: group.state,
      groupEpoch: group.epoch,
      assignmentEpoch: group.epoch,
      assignorName: group.assignor === 'cooperative-sticky' ? 'uniform' : group.assignor,
      members: group.memberList.map(member => toMember(member, group.epoch, topicIds)),
    }
  } catch (error) {
    const nothing = { groupState: '', groupEpoch: 0, assignmentEpoch: 0, assignorName: '', members: [] }
    return { ...toGroupError(error), ...nothing, authorizedOperations: NO_OPERATIONS }
  }
}

function toMember(
  {
    memberId,
    instanceId,
    clientId,
    clientHost = '',
    topics,
    topicPattern,
    owned,
  }: GroupDescription['memberList'][number],
  memberEpoch: number,
  topicIds: ReadonlyMap<string, string>,
) {
  const assignment = {
    topicPartitions: [...groupBy(owned, ({ topic }) => topic)].flatMap(([topicName, all]) => {
      const topicId = topicIds.get(topicName)
      const partitions = all.map(({ partition }) => partition)
      return topicId === undefined ? [] : { topicId, topicName, partitions }
    }),
  }
  return {
    memberId,
    instanceId,
    memberEpoch,
    clientId,
    clientHost,
    subscribedTopicNames: topics,
    subscribedTopicRegex: topicPattern ?? '',
    assignment,
    targetAssignment: assignment,
    memberType: CONSUMER_MEMBER,
  }
}
