import { SyncGroup } from '../../wire/messages/sync-group.ts'
import { codeOf, NONE } from '../error-code.ts'
import { handler } from '../handler.ts'
import { toGroupError } from './codes.ts'

/** From here on a member says which protocol it takes for the group's. */
const PROTOCOL_NAMED = 5
const NOTHING = new Uint8Array(0)

export const syncGroup = handler(SyncGroup, [0, 5], async (request, { version, broker, signal }) => {
  const { groupId, memberId, generationId: generation, protocolType, protocolName, assignments } = request
  if (version >= PROTOCOL_NAMED && (protocolType === null || protocolName === null)) {
    return { errorCode: codeOf('INCONSISTENT_GROUP_PROTOCOL'), assignment: NOTHING }
  }
  try {
    const synced = await broker.syncGroup(
      {
        groupId,
        generation,
        memberId,
        instanceId: request.groupInstanceId ?? undefined,
        protocolType: protocolType ?? undefined,
        protocolName: protocolName ?? undefined,
        assignments,
      },
      { signal },
    )
    return { errorCode: NONE, ...synced }
  } catch (error) {
    return { errorCode: toGroupError(error).errorCode, assignment: NOTHING }
  }
})
