import { defineApi } from '../api.ts'
import { array, bool, int16, int32, NO_OPERATIONS, NO_UUID, string, struct, uuid } from '../schema.ts'

export const DescribeTopicPartitions = defineApi({
  key: 75,
  name: 'DescribeTopicPartitions',
  versions: [0, 0],
  flexibleFrom: 0,
  request: {
    topics: array({ name: string }),
    responsePartitionLimit: int32.orElse(2000),
    cursor: struct({ topicName: string, partitionIndex: int32 }).nullable().orElse(null),
  },
  response: {
    throttleTimeMs: int32.orElse(0),
    topics: array({
      errorCode: int16,
      name: string.nullable(),
      topicId: uuid.orElse(NO_UUID),
      isInternal: bool.orElse(false),
      partitions: array({
        errorCode: int16,
        partitionIndex: int32,
        leaderId: int32,
        leaderEpoch: int32.orElse(-1),
        replicaNodes: array(int32),
        isrNodes: array(int32),
        eligibleLeaderReplicas: array(int32).nullable().orElse(null),
        lastKnownElr: array(int32).nullable().orElse(null),
        offlineReplicas: array(int32).orElse([]),
      }),
      topicAuthorizedOperations: int32.orElse(NO_OPERATIONS),
    }),
    nextCursor: struct({ topicName: string, partitionIndex: int32 }).nullable().orElse(null),
  },
})
