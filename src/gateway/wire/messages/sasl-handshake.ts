import { defineApi } from '../api.ts'
import { array, int16, string } from '../schema.ts'

export const SaslHandshake = defineApi({
  key: 17,
  name: 'SaslHandshake',
  versions: [0, 1],
  flexibleFrom: 'never',
  request: { mechanism: string },
  response: { errorCode: int16, mechanisms: array(string) },
})
