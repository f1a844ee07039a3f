import { defineApi } from '../api.ts'
import { array, bool, bytes, int16, int32, NO_OPERATIONS, string } from '../schema.ts'

export const DescribeGroups = defineApi({
  key: 15,
  name: 'DescribeGroups',
  versions: [0, 6],
  flexibleFrom: 5,
  request: { groups: array(string), includeAuthorizedOperations: bool.in('3+') },
  response: {
    throttleTimeMs: int32.in('1+'),
    groups: array({
      errorCode: int16,
      errorMessage: string.in('6+').nullable('6+').orElse(null),
      groupId: string,
      groupState: string,
      protocolType: string,
      protocolData: string,
      members: array({
        memberId: string,
        groupInstanceId: string.in('4+').nullable('4+').orElse(null),
        clientId: string,
        clientHost: string,
        memberMetadata: bytes,
        memberAssignment: bytes,
      }),
      authorizedOperations: int32.in('3+').orElse(NO_OPERATIONS),
    }),
  },
})
