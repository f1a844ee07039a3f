import { defineApi } from '../api.ts'
import { array, int8, int16, int32, string } from '../schema.ts'

export const FindCoordinator = defineApi({
  key: 10,
  name: 'FindCoordinator',
  versions: [0, 6],
  flexibleFrom: 3,
  request: {
    key: string.in('0-3'),
    keyType: int8.in('1+'),
    coordinatorKeys: array(string).in('4+'),
  },
  response: {
    throttleTimeMs: int32.in('1+'),
    errorCode: int16.in('0-3'),
    errorMessage: string.in('1-3').nullable('1-3'),
    nodeId: int32.in('0-3'),
    host: string.in('0-3'),
    port: int32.in('0-3'),
    coordinators: array({
      key: string,
      nodeId: int32,
      host: string,
      port: int32,
      errorCode: int16,
      errorMessage: string.nullable().orElse(null),
    }).in('4+'),
  },
})
