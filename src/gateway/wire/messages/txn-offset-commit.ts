import { defineApi } from '../api.ts'
import { array, int16, int32, int64, string, uuid } from '../schema.ts'

export const TxnOffsetCommit = defineApi({
  key: 28,
  name: 'TxnOffsetCommit',
  versions: [0, 6],
  flexibleFrom: 3,
  request: {
    transactionalId: string,
    groupId: string,
    producerId: int64,
    producerEpoch: int16,
    generationIdOrMemberEpoch: int32.in('3+').orElse(-1),
    memberId: string.in('3+'),
    groupInstanceId: string.in('3+').nullable('3+').orElse(null),
    topics: array({
      name: string.in('0-5'),
      topicId: uuid.in('6+'),
      partitions: array({
        partitionIndex: int32,
        committedOffset: int64,
        committedLeaderEpoch: int32.in('2+').orElse(-1),
        committedMetadata: string.nullable(),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32.orElse(0),
    topics: array({
      name: string.in('0-5'),
      topicId: uuid.in('6+'),
      partitions: array({ partitionIndex: int32, errorCode: int16 }),
    }),
  },
})
