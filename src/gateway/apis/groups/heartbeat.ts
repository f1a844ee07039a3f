import { Heartbeat } from '../../wire/messages/heartbeat.ts'
import { NONE, toApiError } from '../error-code.ts'
import { handler } from '../handler.ts'

export const heartbeat = handler(Heartbeat, [0, 4], async (request, { broker }) => {
  const { groupId, memberId, generationId: generation, groupInstanceId } = request
  try {
    await broker.heartbeatClassic({
      groupId,
      memberId,
      generation,
      instanceId: groupInstanceId ?? undefined,
    })
    return { errorCode: NONE }
  } catch (error) {
    return { errorCode: toApiError(error).errorCode }
  }
})
