import { defineApi } from '../api.ts'
import { array, bool, bytes, int16, int32, string } from '../schema.ts'

export const JoinGroup = defineApi({
  key: 11,
  name: 'JoinGroup',
  versions: [0, 9],
  flexibleFrom: 6,
  request: {
    groupId: string,
    sessionTimeoutMs: int32,
    rebalanceTimeoutMs: int32.in('1+').orElse(-1),
    memberId: string,
    groupInstanceId: string.in('5+').nullable('5+').orElse(null),
    protocolType: string,
    protocols: array({ name: string, metadata: bytes }),
    reason: string.in('8+').nullable('8+').orElse(null),
  },
  response: {
    throttleTimeMs: int32.in('2+'),
    errorCode: int16,
    generationId: int32.orElse(-1),
    protocolType: string.in('7+').nullable('7+').orElse(null),
    protocolName: string.nullable('7+').orElse(null),
    leader: string.orElse(''),
    skipAssignment: bool.in('9+'),
    memberId: string,
    members: array({
      memberId: string,
      groupInstanceId: string.in('5+').nullable('5+').orElse(null),
      metadata: bytes,
    }).orElse([]),
  },
})
