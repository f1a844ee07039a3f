import { Heartbeat } from '../../wire/messages/heartbeat.ts'
import { NONE } from '../error-code.ts'
import { handler } from '../handler.ts'
import { toGroupError } from './codes.ts'

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
    return { errorCode: toGroupError(error).errorCode }
  }
})
