import { defineApi } from '../api.ts'
import { array, int16, int32, int64, string } from '../schema.ts'

export const DescribeProducers = defineApi({
  key: 61,
  name: 'DescribeProducers',
  versions: [0, 0],
  flexibleFrom: 0,
  request: { topics: array({ name: string, partitionIndexes: array(int32) }) },
  response: {
    throttleTimeMs: int32.orElse(0),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        errorMessage: string.nullable().orElse(null),
        activeProducers: array({
          producerId: int64,
          producerEpoch: int32,
          lastSequence: int32.orElse(-1),
          lastTimestamp: int64.orElse(-1),
          coordinatorEpoch: int32.orElse(0),
          currentTxnStartOffset: int64.orElse(-1),
        }),
      }),
    }),
  },
})
