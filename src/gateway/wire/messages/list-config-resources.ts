import { defineApi } from '../api.ts'
import { array, int8, int16, int32, string } from '../schema.ts'

export const ListConfigResources = defineApi({
  key: 74,
  name: 'ListConfigResources',
  versions: [0, 1],
  flexibleFrom: 0,
  request: { resourceTypes: array(int8).in('1+') },
  response: {
    throttleTimeMs: int32.orElse(0),
    errorCode: int16,
    configResources: array({ resourceName: string, resourceType: int8.in('1+').orElse(16) }),
  },
})
