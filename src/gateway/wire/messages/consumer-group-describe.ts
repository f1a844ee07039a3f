import { defineApi } from '../api.ts'
import { array, bool, int8, int16, int32, NO_OPERATIONS, string, struct, uuid } from '../schema.ts'

const assignment = struct({
  topicPartitions: array({ topicId: uuid, topicName: string, partitions: array(int32) }),
})

export const ConsumerGroupDescribe = defineApi({
  key: 69,
  name: 'ConsumerGroupDescribe',
  versions: [0, 1],
  flexibleFrom: 0,
  request: { groupIds: array(string), includeAuthorizedOperations: bool.orElse(false) },
  response: {
    throttleTimeMs: int32.orElse(0),
    groups: array({
      errorCode: int16,
      errorMessage: string.nullable().orElse(null),
      groupId: string,
      groupState: string,
      groupEpoch: int32,
      assignmentEpoch: int32,
      assignorName: string,
      members: array({
        memberId: string,
        instanceId: string.nullable().orElse(null),
        rackId: string.nullable().orElse(null),
        memberEpoch: int32,
        clientId: string,
        clientHost: string,
        subscribedTopicNames: array(string),
        subscribedTopicRegex: string.nullable().orElse(null),
        assignment,
        targetAssignment: assignment,
        memberType: int8.in('1+').orElse(-1),
      }),
      authorizedOperations: int32.orElse(NO_OPERATIONS),
    }),
  },
})
