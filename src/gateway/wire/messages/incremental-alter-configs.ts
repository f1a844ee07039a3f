import { defineApi } from '../api.ts'
import { array, bool, int8, int16, int32, string } from '../schema.ts'

export const IncrementalAlterConfigs = defineApi({
  key: 44,
  name: 'IncrementalAlterConfigs',
  versions: [0, 1],
  flexibleFrom: 1,
  request: {
    resources: array({
      resourceType: int8,
      resourceName: string,
      configs: array({ name: string, configOperation: int8, value: string.nullable() }),
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
