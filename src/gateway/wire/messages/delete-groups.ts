import { defineApi } from '../api.ts'
import { array, int16, int32, string } from '../schema.ts'

export const DeleteGroups = defineApi({
  key: 42,
  name: 'DeleteGroups',
  versions: [0, 3],
  flexibleFrom: 2,
  request: { groupsNames: array(string) },
  response: {
    throttleTimeMs: int32.orElse(0),
    results: array({
      groupId: string,
      errorCode: int16,
      errorMessage: string.in('3+').nullable('3+').orElse(null),
    }),
  },
})
