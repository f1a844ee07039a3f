import { defineApi } from '../api.ts'
import { array, int8, int16, int32, int64, string } from '../schema.ts'

export const ListOffsets = defineApi({
  key: 2,
  name: 'ListOffsets',
  versions: [0, 11],
  flexibleFrom: 6,
  request: {
    replicaId: int32.orElse(-1),
    isolationLevel: int8.in('2+'),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        currentLeaderEpoch: int32.in('4+').orElse(-1),
        timestamp: int64,
        maxNumOffsets: int32.in('0').orElse(1),
      }),
    }),
    timeoutMs: int32.in('10+'),
  },
  response: {
    throttleTimeMs: int32.in('2+'),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        oldStyleOffsets: array(int64).in('0'),
        timestamp: int64.in('1+').orElse(-1),
        offset: int64.in('1+').orElse(-1),
        leaderEpoch: int32.in('4+').orElse(-1),
      }),
    }),
  },
})
