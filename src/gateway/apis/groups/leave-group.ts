import { LeaveGroup } from '../../wire/messages/leave-group.ts'
import { NONE } from '../error-code.ts'
import { handler } from '../handler.ts'
import { toGroupError } from './codes.ts'

/** From here on several leave at once, and each is told of itself. */
const SEVERAL = 3

export const leaveGroup = handler(LeaveGroup, [0, 5], async (request, { version, broker }) => {
  const { groupId } = request
  const members =
    version < SEVERAL
      ? [{ memberId: request.memberId }]
      : request.members.map(({ memberId, groupInstanceId }) => ({
          memberId,
          instanceId: groupInstanceId ?? undefined,
        }))
  try {
    const left = await broker.leaveClassic({ groupId, members })
    const told = left.map(({ memberId, instanceId = null, error }) => ({
      memberId,
      groupInstanceId: instanceId,
      errorCode: error ? error.kafkaNumber : NONE,
    }))
    return version < SEVERAL ? { errorCode: told[0]?.errorCode ?? NONE } : { errorCode: NONE, members: told }
  } catch (error) {
    return { errorCode: toGroupError(error).errorCode, members: [] }
  }
})
