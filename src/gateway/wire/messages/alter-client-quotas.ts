import { defineApi } from '../api.ts'
import { array, bool, float64, int16, int32, string } from '../schema.ts'

export const AlterClientQuotas = defineApi({
  key: 49,
  name: 'AlterClientQuotas',
  versions: [0, 1],
  flexibleFrom: 1,
  request: {
    entries: array({
      entity: array({ entityType: string, entityName: string.nullable() }),
      ops: array({ key: string, value: float64, remove: bool }),
    }),
    validateOnly: bool,
  },
  response: {
    throttleTimeMs: int32.orElse(0),
    entries: array({
      errorCode: int16,
      errorMessage: string.nullable().orElse(null),
      entity: array({ entityType: string, entityName: string.nullable() }),
    }),
  },
})
