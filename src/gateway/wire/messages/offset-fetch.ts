import { defineApi } from '../api.ts'
import { array, bool, int16, int32, int64, string, uuid } from '../schema.ts'

export const OffsetFetch = defineApi({
  key: 9,
  name: 'OffsetFetch',
  versions: [1, 10],
  flexibleFrom: 6,
  request: {
    groupId: string.in('0-7'),
    topics: array({ name: string, partitionIndexes: array(int32) })
      .in('0-7')
      .nullable('2-7'),
    groups: array({
      groupId: string,
      memberId: string.in('9+').nullable('9+').orElse(null),
      memberEpoch: int32.in('9+').orElse(-1),
      topics: array({
        name: string.in('8-9'),
        topicId: uuid.in('10+'),
        partitionIndexes: array(int32),
      }).nullable('8+'),
    }).in('8+'),
    requireStable: bool.in('7+'),
  },
  response: {
    throttleTimeMs: int32.in('3+'),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        committedOffset: int64,
        committedLeaderEpoch: int32.in('5-7').orElse(-1),
        metadata: string.nullable(),
        errorCode: int16,
      }),
    }).in('0-7'),
    errorCode: int16.in('2-7'),
    groups: array({
      groupId: string,
      topics: array({
        name: string.in('8-9'),
        topicId: uuid.in('10+'),
        partitions: array({
          partitionIndex: int32,
          committedOffset: int64,
          committedLeaderEpoch: int32.orElse(-1),
          metadata: string.nullable(),
          errorCode: int16,
        }),
      }),
      errorCode: int16.orElse(0),
    }).in('8+'),
  },
})
