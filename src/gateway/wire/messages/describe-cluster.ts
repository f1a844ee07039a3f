import { defineApi } from '../api.ts'
import { array, bool, int8, int16, int32, NO_OPERATIONS, string } from '../schema.ts'

export const DescribeCluster = defineApi({
  key: 60,
  name: 'DescribeCluster',
  versions: [0, 2],
  flexibleFrom: 0,
  request: {
    includeClusterAuthorizedOperations: bool.orElse(false),
    endpointType: int8.in('1+').orElse(1),
    includeFencedBrokers: bool.in('2+'),
  },
  response: {
    throttleTimeMs: int32.orElse(0),
    errorCode: int16,
    errorMessage: string.nullable().orElse(null),
    endpointType: int8.in('1+').orElse(1),
    clusterId: string,
    controllerId: int32.orElse(-1),
    brokers: array({
      brokerId: int32,
      host: string,
      port: int32,
      rack: string.nullable().orElse(null),
      isFenced: bool.in('2+'),
    }),
    clusterAuthorizedOperations: int32.orElse(NO_OPERATIONS),
  },
})
