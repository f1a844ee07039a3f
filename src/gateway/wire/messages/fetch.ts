import { defineApi, type RequestOf, type ResponseOf } from '../api.ts'
import { array, int8, int16, int32, int64, records, string, struct, uuid } from '../schema.ts'

export const Fetch = defineApi({
  key: 1,
  name: 'Fetch',
  versions: [4, 18],
  flexibleFrom: 12,
  request: {
    clusterId: string.nullable('12+').tagged(0, '12+').orElse(null),
    replicaId: int32.in('0-14').orElse(-1),
    replicaState: struct({ replicaId: int32.orElse(-1), replicaEpoch: int64.orElse(-1) }).tagged(1, '15+'),
    maxWaitMs: int32,
    minBytes: int32,
    maxBytes: int32.in('3+').orElse(0x7fff_ffff),
    isolationLevel: int8.in('4+'),
    sessionId: int32.in('7+'),
    sessionEpoch: int32.in('7+').orElse(-1),
    topics: array({
      topic: string.in('0-12'),
      topicId: uuid.in('13+'),
      partitions: array({
        partition: int32,
        currentLeaderEpoch: int32.in('9+').orElse(-1),
        fetchOffset: int64,
        lastFetchedEpoch: int32.in('12+').orElse(-1),
        logStartOffset: int64.in('5+').orElse(-1),
        partitionMaxBytes: int32,
        replicaDirectoryId: uuid.tagged(0, '17+'),
        highWatermark: int64.tagged(1, '18+').orElse(2 ** 63),
      }),
    }),
    forgottenTopicsData: array({
      topic: string.in('7-12'),
      topicId: uuid.in('13+'),
      partitions: array(int32),
    }).in('7+'),
    rackId: string.in('11+'),
  },
  response: {
    throttleTimeMs: int32.in('1+'),
    errorCode: int16.in('7+'),
    sessionId: int32.in('7+'),
    responses: array({
      topic: string.in('0-12'),
      topicId: uuid.in('13+'),
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        highWatermark: int64,
        lastStableOffset: int64.in('4+').orElse(-1),
        logStartOffset: int64.in('5+').orElse(-1),
        divergingEpoch: struct({ epoch: int32.orElse(-1), endOffset: int64.orElse(-1) }).tagged(0, '12+'),
        currentLeader: struct({ leaderId: int32.orElse(-1), leaderEpoch: int32.orElse(-1) }).tagged(1, '12+'),
        snapshotId: struct({ endOffset: int64.orElse(-1), epoch: int32.orElse(-1) }).tagged(2, '12+'),
        abortedTransactions: array({ producerId: int64, firstOffset: int64 })
          .in('4+')
          .nullable('4+')
          .orElse(null),
        preferredReadReplica: int32.in('11+').orElse(-1),
        records: records.nullable(),
      }),
    }),
    nodeEndpoints: array({
      nodeId: int32,
      host: string,
      port: int32,
      rack: string.nullable().orElse(null),
    }).tagged(0, '16+'),
  },
})

export type FetchRequest = RequestOf<typeof Fetch>
export type FetchResponse = ResponseOf<typeof Fetch>
