import { defineApi } from '../api.ts'
import { int16, int32, string } from '../schema.ts'

export const Heartbeat = defineApi({
  key: 12,
  name: 'Heartbeat',
  versions: [0, 4],
  flexibleFrom: 4,
  request: {
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: string.in('3+').nullable('3+').orElse(null),
  },
  response: { throttleTimeMs: int32.in('1+'), errorCode: int16 },
})
