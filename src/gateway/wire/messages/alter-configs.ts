import { defineApi } from '../api.ts'
import { array, bool, int8, int16, int32, string } from '../schema.ts'

export const AlterConfigs = defineApi({
  key: 33,
  name: 'AlterConfigs',
  versions: [0, 2],
  flexibleFrom: 2,
  request: {
    resources: array({
      resourceType: int8,
      resourceName: string,
      configs: array({ name: string, value: string.nullable() }),
    }),
    validateOnly: bool.orElse(false),
  },
  response: {
    throttleTimeMs: int32.orElse(0),
    responses: array({
      errorCode: int16,
      errorMessage: string.nullable().orElse(null),
      resourceType: int8,
      resourceName: string,
    }),
  },
})
