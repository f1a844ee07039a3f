import { defineApi } from '../api.ts'
import { array, int16, int32, int64, string } from '../schema.ts'

export const OffsetForLeaderEpoch = defineApi({
  key: 23,
  name: 'OffsetForLeaderEpoch',
  versions: [2, 4],
  flexibleFrom: 4,
  request: {
    replicaId: int32.in('3+').orElse(-2),
    topics: array({
      topic: string,
      partitions: array({ partition: int32, currentLeaderEpoch: int32.orElse(-1), leaderEpoch: int32 }),
    }),
  },
  response: {
    throttleTimeMs: int32.orElse(0),
    topics: array({
      topic: string,
      partitions: array({
        errorCode: int16,
        partition: int32,
        leaderEpoch: int32.orElse(-1),
        endOffset: int64.orElse(-1),
      }),
    }),
  },
})
