import { defineApi } from '../api.ts'
import { array, int16, int32, NO_UUID, string, uuid } from '../schema.ts'

export const DeleteTopics = defineApi({
  key: 20,
  name: 'DeleteTopics',
  versions: [1, 6],
  flexibleFrom: 4,
  request: {
    topics: array({ name: string.nullable().orElse(null), topicId: uuid.orElse(NO_UUID) }).in('6+'),
    topicNames: array(string).in('0-5'),
    timeoutMs: int32,
  },
  response: {
    throttleTimeMs: int32.orElse(0),
    responses: array({
      name: string.nullable('6+'),
      topicId: uuid.in('6+'),
      errorCode: int16,
      errorMessage: string.in('5+').nullable('5+').orElse(null),
    }),
  },
})
