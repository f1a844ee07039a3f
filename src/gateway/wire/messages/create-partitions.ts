import { defineApi } from '../api.ts'
import { array, bool, int16, int32, string } from '../schema.ts'

export const CreatePartitions = defineApi({
  key: 37,
  name: 'CreatePartitions',
  versions: [0, 3],
  flexibleFrom: 2,
  request: {
    topics: array({
      name: string,
      count: int32,
      assignments: array({ brokerIds: array(int32) })
        .nullable()
        .orElse(null),
    }),
    timeoutMs: int32,
    validateOnly: bool.orElse(false),
  },
  response: {
    throttleTimeMs: int32.orElse(0),
    results: array({ name: string, errorCode: int16, errorMessage: string.nullable().orElse(null) }),
  },
})
