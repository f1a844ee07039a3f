import { defineApi } from '../api.ts'
import { array, int8, int16, int32, string } from '../schema.ts'

export const DeleteAcls = defineApi({
  key: 31,
  name: 'DeleteAcls',
  versions: [1, 3],
  flexibleFrom: 2,
  request: {
    filters: array({
      resourceTypeFilter: int8,
      resourceNameFilter: string.nullable(),
      patternTypeFilter: int8.orElse(3),
      principalFilter: string.nullable(),
      hostFilter: string.nullable(),
      operation: int8,
      permissionType: int8,
    }),
  },
  response: {
    throttleTimeMs: int32.orElse(0),
    filterResults: array({
      errorCode: int16,
      errorMessage: string.nullable().orElse(null),
      matchingAcls: array({
        errorCode: int16,
        errorMessage: string.nullable().orElse(null),
        resourceType: int8,
        resourceName: string,
        patternType: int8.orElse(3),
        principal: string,
        host: string,
        operation: int8,
        permissionType: int8,
      }),
    }),
  },
})
