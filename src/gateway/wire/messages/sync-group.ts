import { defineApi } from '../api.ts'
import { array, bytes, int16, int32, string } from '../schema.ts'

export const SyncGroup = defineApi({
  key: 14,
  name: 'SyncGroup',
  versions: [0, 5],
  flexibleFrom: 4,
  request: {
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: string.in('3+').nullable('3+').orElse(null),
    protocolType: string.in('5+').nullable('5+').orElse(null),
    protocolName: string.in('5+').nullable('5+').orElse(null),
    assignments: array({ memberId: string, assignment: bytes }),
  },
  response: {
    throttleTimeMs: int32.in('1+'),
    errorCode: int16,
    protocolType: string.in('5+').nullable('5+').orElse(null),
    protocolName: string.in('5+').nullable('5+').orElse(null),
    assignment: bytes,
  },
})
