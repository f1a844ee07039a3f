import { defineApi } from '../api.ts'
import { array, int16, int32, int64, string, uuid } from '../schema.ts'

export const OffsetCommit = defineApi({
  key: 8,
  name: 'OffsetCommit',
  versions: [2, 10],
  flexibleFrom: 8,
  request: {
    groupId: string,
    generationIdOrMemberEpoch: int32.orElse(-1),
    memberId: string.orElse(''),
    groupInstanceId: string.in('7+').nullable('7+').orElse(null),
    retentionTimeMs: int64.in('2-4').orElse(-1),
    topics: array({
      name: string.in('0-9'),
      topicId: uuid.in('10+'),
      partitions: array({
        partitionIndex: int32,
        committedOffset: int64,
        committedLeaderEpoch: int32.in('6+').orElse(-1),
        committedMetadata: string.nullable(),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32.in('3+'),
    topics: array({
      name: string.in('0-9'),
      topicId: uuid.in('10+'),
      partitions: array({ partitionIndex: int32, errorCode: int16 }),
    }),
  },
})
