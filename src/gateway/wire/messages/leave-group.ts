import { defineApi } from '../api.ts'
import { array, int16, int32, string } from '../schema.ts'

export const LeaveGroup = defineApi({
  key: 13,
  name: 'LeaveGroup',
  versions: [0, 5],
  flexibleFrom: 4,
  request: {
    groupId: string,
    memberId: string.in('0-2'),
    members: array({
      memberId: string,
      groupInstanceId: string.in('3+').nullable('3+').orElse(null),
      reason: string.in('5+').nullable('5+').orElse(null),
    }).in('3+'),
  },
  response: {
    throttleTimeMs: int32.in('1+'),
    errorCode: int16,
    members: array({
      memberId: string,
      groupInstanceId: string.nullable('3+').orElse(null),
      errorCode: int16,
    }).in('3+'),
  },
})
