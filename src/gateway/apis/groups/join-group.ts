import { MemberIdRequired } from '../../../contract/classic-groups.ts'
import { JoinGroup } from '../../wire/messages/join-group.ts'
import { NONE } from '../error-code.ts'
import { handler } from '../handler.ts'
import { asShown } from './client-host.ts'
import { toGroupError } from './codes.ts'

/** From here on a member is told its id before it joins. */
const MEMBER_ID_FIRST = 4
/** From here on a name may be missing. */
const NO_PROTOCOL = 7
const SKIP_ASSIGNMENT = 9

export const joinGroup = handler(JoinGroup, [0, 9], async (request, context) => {
  const { version, client, broker, signal } = context
  const instanceId = request.groupInstanceId ?? undefined
  try {
    const joined = await broker.joinGroup(
      {
        groupId: request.groupId,
        memberId: request.memberId,
        instanceId,
        clientId: client.clientId ?? '',
        clientHost: asShown(client.host),
        sessionTimeoutMs: request.sessionTimeoutMs,
        rebalanceTimeoutMs: request.rebalanceTimeoutMs,
        protocolType: request.protocolType,
        protocols: request.protocols,
        requiresMemberId: version >= MEMBER_ID_FIRST && instanceId === undefined,
        canSkipAssignment: version >= SKIP_ASSIGNMENT,
      },
      { signal },
    )
    const { generation: generationId, members, ...rest } = joined
    return {
      errorCode: NONE,
      ...rest,
      generationId,
      members: members.map(({ memberId, instanceId: groupInstanceId, metadata }) => ({
        memberId,
        groupInstanceId,
        metadata,
      })),
    }
  } catch (error) {
    const { errorCode } = toGroupError(error)
    const memberId = error instanceof MemberIdRequired ? error.memberId : request.memberId
    return { errorCode, memberId, protocolName: version < NO_PROTOCOL ? '' : null }
  }
})
