import { defineApi } from '../api.ts'
import { array, bool, int8, int16, int32, string, uuid } from '../schema.ts'

export const CreateTopics = defineApi({
  key: 19,
  name: 'CreateTopics',
  versions: [2, 7],
  flexibleFrom: 5,
  request: {
    topics: array({
      name: string,
      numPartitions: int32,
      replicationFactor: int16,
      assignments: array({ partitionIndex: int32, brokerIds: array(int32) }).orElse([]),
      configs: array({ name: string, value: string.nullable() }).orElse([]),
    }),
    timeoutMs: int32.orElse(60_000),
    validateOnly: bool.orElse(false),
  },
  response: {
    throttleTimeMs: int32.orElse(0),
    topics: array({
      name: string,
      topicId: uuid.in('7+'),
      errorCode: int16,
      errorMessage: string.nullable().orElse(null),
      topicConfigErrorCode: int16.tagged(0, '5+'),
      numPartitions: int32.in('5+').orElse(-1),
      replicationFactor: int16.in('5+').orElse(-1),
      configs: array({
        name: string,
        value: string.nullable(),
        readOnly: bool,
        configSource: int8.orElse(-1),
        isSensitive: bool,
      })
        .in('5+')
        .nullable('5+'),
    }),
  },
})
