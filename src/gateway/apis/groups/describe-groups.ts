import { TidemarkError } from '../../../core/errors.ts'
import { DescribeGroups } from '../../wire/messages/describe-groups.ts'
import { NO_OPERATIONS } from '../../wire/schema.ts'
import { GROUP_OPERATIONS } from '../cluster.ts'
import type { Context } from '../context.ts'
import { NONE } from '../error-code.ts'
import { handler } from '../handler.ts'
import { toGroupError } from './codes.ts'

/** From here on a group that is not there is an error; before, it is dead. */
const UNKNOWN_IS_ERROR = 6

export const describeGroups = handler(
  DescribeGroups,
  [0, 5],
  async ({ groups, includeAuthorizedOperations }, context) => {
    const authorizedOperations = includeAuthorizedOperations ? GROUP_OPERATIONS : NO_OPERATIONS
    const told = []
    for (const groupId of groups) {
      told.push({ authorizedOperations, ...(await describeOne(groupId, context)), groupId })
    }
    return { groups: told }
  },
)

async function describeOne(groupId: string, { broker, version }: Context) {
  try {
    const described = await broker.describeClassic(groupId)
    if (!described) {
      throw new TidemarkError('GROUP_ID_NOT_FOUND', `Group ${groupId} is not a classic group.`)
    }
    const { state: groupState, protocolType, protocolName: protocolData, members } = described
    return {
      errorCode: NONE,
      groupState,
      protocolType,
      protocolData,
      members: members.map(({ instanceId, metadata, assignment, ...member }) => ({
        ...member,
        groupInstanceId: instanceId,
        memberMetadata: metadata,
        memberAssignment: assignment,
      })),
    }
  } catch (error) {
    const { errorCode, errorMessage } = toGroupError(error)
    const isUnknown = error instanceof TidemarkError && error.kafkaName === 'GROUP_ID_NOT_FOUND'
    const isDead = isUnknown && version < UNKNOWN_IS_ERROR
    return {
      errorCode: isDead ? NONE : errorCode,
      errorMessage: isDead ? null : errorMessage,
      groupState: isUnknown ? 'Dead' : '',
      protocolType: '',
      protocolData: '',
      members: [],
      authorizedOperations: NO_OPERATIONS,
    }
  }
}
