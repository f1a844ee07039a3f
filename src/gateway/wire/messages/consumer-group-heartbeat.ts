import { defineApi } from '../api.ts'
import { array, int16, int32, string, struct, uuid } from '../schema.ts'

export const ConsumerGroupHeartbeat = defineApi({
  key: 68,
  name: 'ConsumerGroupHeartbeat',
  versions: [0, 1],
  flexibleFrom: 0,
  request: {
    groupId: string,
    memberId: string,
    memberEpoch: int32,
    instanceId: string.nullable().orElse(null),
    rackId: string.nullable().orElse(null),
    rebalanceTimeoutMs: int32.orElse(-1),
    subscribedTopicNames: array(string).nullable().orElse(null),
    subscribedTopicRegex: string.in('1+').nullable('1+').orElse(null),
    serverAssignor: string.nullable().orElse(null),
    topicPartitions: array({ topicId: uuid, partitions: array(int32) })
      .nullable()
      .orElse(null),
  },
  response: {
    throttleTimeMs: int32.orElse(0),
    errorCode: int16,
    errorMessage: string.nullable().orElse(null),
    memberId: string.nullable().orElse(null),
    memberEpoch: int32.orElse(0),
    heartbeatIntervalMs: int32.orElse(0),
    assignment: struct({ topicPartitions: array({ topicId: uuid, partitions: array(int32) }) })
      .nullable()
      .orElse(null),
  },
})
