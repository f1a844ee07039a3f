import { defineApi } from '../api.ts'
import { array, int8, int16, int32, string } from '../schema.ts'

export const DescribeUserScramCredentials = defineApi({
  key: 50,
  name: 'DescribeUserScramCredentials',
  versions: [0, 0],
  flexibleFrom: 0,
  request: { users: array({ name: string }).nullable() },
  response: {
    throttleTimeMs: int32.orElse(0),
    errorCode: int16,
    errorMessage: string.nullable().orElse(null),
    results: array({
      user: string,
      errorCode: int16,
      errorMessage: string.nullable().orElse(null),
      credentialInfos: array({ mechanism: int8, iterations: int32 }),
    }),
  },
})
