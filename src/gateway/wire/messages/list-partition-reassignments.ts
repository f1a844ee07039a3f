import { defineApi } from '../api.ts'
import { array, int16, int32, string } from '../schema.ts'

export const ListPartitionReassignments = defineApi({
  key: 46,
  name: 'ListPartitionReassignments',
  versions: [0, 0],
  flexibleFrom: 0,
  request: {
    timeoutMs: int32.orElse(60_000),
    topics: array({ name: string, partitionIndexes: array(int32) })
      .nullable()
      .orElse(null),
  },
  response: {
    throttleTimeMs: int32.orElse(0),
    errorCode: int16,
    errorMessage: string.nullable().orElse(null),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        replicas: array(int32),
        addingReplicas: array(int32),
        removingReplicas: array(int32),
      }),
    }),
  },
})
