import { defineApi } from '../api.ts'
import { array, int8, int16, int32, string } from '../schema.ts'

export const CreateAcls = defineApi({
  key: 30,
  name: 'CreateAcls',
  versions: [1, 3],
  flexibleFrom: 2,
  request: {
    creations: array({
      resourceType: int8,
      resourceName: string,
      resourcePatternType: int8.orElse(3),
      principal: string,
      host: string,
      operation: int8,
      permissionType: int8,
    }),
  },
  response: {
    throttleTimeMs: int32.orElse(0),
    results: array({ errorCode: int16, errorMessage: string.nullable().orElse(null) }),
  },
})
