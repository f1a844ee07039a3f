import { defineApi, type RequestOf, type ResponseOf } from '../api.ts'
import { array, bool, int16, int32, NO_OPERATIONS, string, uuid } from '../schema.ts'

export const Metadata = defineApi({
  key: 3,
  name: 'Metadata',
  versions: [0, 13],
  flexibleFrom: 9,
  request: {
    topics: array({
      topicId: uuid.in('10+'),
      name: string.nullable('10+'),
    }).nullable('1+'),
    allowAutoTopicCreation: bool.in('4+').orElse(true),
    includeClusterAuthorizedOperations: bool.in('8-10'),
    includeTopicAuthorizedOperations: bool.in('8+'),
  },
  response: {
    throttleTimeMs: int32.in('3+'),
    brokers: array({
      nodeId: int32,
      host: string,
      port: int32,
      rack: string.in('1+').nullable('1+').orElse(null),
    }),
    clusterId: string.in('2+').nullable('2+').orElse(null),
    controllerId: int32.in('1+').orElse(-1),
    topics: array({
      errorCode: int16,
      name: string.nullable('12+'),
      topicId: uuid.in('10+'),
      isInternal: bool.in('1+'),
      partitions: array({
        errorCode: int16,
        partitionIndex: int32,
        leaderId: int32,
        leaderEpoch: int32.in('7+').orElse(-1),
        replicaNodes: array(int32),
        isrNodes: array(int32),
        offlineReplicas: array(int32).in('5+'),
      }),
      topicAuthorizedOperations: int32.in('8+').orElse(NO_OPERATIONS),
    }),
    clusterAuthorizedOperations: int32.in('8-10').orElse(NO_OPERATIONS),
    errorCode: int16.in('13+'),
  },
})

export type MetadataRequest = RequestOf<typeof Metadata>
export type MetadataResponse = ResponseOf<typeof Metadata>
