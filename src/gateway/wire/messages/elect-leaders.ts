import { defineApi } from '../api.ts'
import { array, int8, int16, int32, string } from '../schema.ts'

export const ElectLeaders = defineApi({
  key: 43,
  name: 'ElectLeaders',
  versions: [0, 2],
  flexibleFrom: 2,
  request: {
    electionType: int8.in('1+'),
    topicPartitions: array({ topic: string, partitions: array(int32) }).nullable(),
    timeoutMs: int32.orElse(60_000),
  },
  response: {
    throttleTimeMs: int32.orElse(0),
    errorCode: int16.in('1+'),
    replicaElectionResults: array({
      topic: string,
      partitionResult: array({
        partitionId: int32,
        errorCode: int16,
        errorMessage: string.nullable().orElse(null),
      }),
    }),
  },
})
