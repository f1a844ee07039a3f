import { defineApi } from '../api.ts'
import { array, bool, int16, int32, string } from '../schema.ts'

export const AlterPartitionReassignments = defineApi({
  key: 45,
  name: 'AlterPartitionReassignments',
  versions: [0, 1],
  flexibleFrom: 0,
  request: {
    timeoutMs: int32.orElse(60_000),
    allowReplicationFactorChange: bool.in('1+').orElse(true),
    topics: array({
      name: string,
      partitions: array({ partitionIndex: int32, replicas: array(int32).nullable().orElse(null) }),
    }),
  },
  response: {
    throttleTimeMs: int32.orElse(0),
    allowReplicationFactorChange: bool.in('1+').orElse(true),
    errorCode: int16,
    errorMessage: string.nullable().orElse(null),
    responses: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        errorMessage: string.nullable().orElse(null),
      }),
    }),
  },
})
