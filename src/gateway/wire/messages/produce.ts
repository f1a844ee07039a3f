import { defineApi, type RequestOf, type ResponseOf } from '../api.ts'
import { array, int16, int32, int64, records, string, struct, uuid } from '../schema.ts'

export const Produce = defineApi({
  key: 0,
  name: 'Produce',
  versions: [0, 13],
  flexibleFrom: 9,
  request: {
    transactionalId: string.in('3+').nullable('3+').orElse(null),
    acks: int16,
    timeoutMs: int32,
    topicData: array({
      name: string.in('0-12'),
      topicId: uuid.in('13+'),
      partitionData: array({ index: int32, records: records.nullable() }),
    }),
  },
  response: {
    responses: array({
      name: string.in('0-12'),
      topicId: uuid.in('13+'),
      partitionResponses: array({
        index: int32,
        errorCode: int16,
        baseOffset: int64,
        logAppendTimeMs: int64.in('2+').orElse(-1),
        logStartOffset: int64.in('5+').orElse(-1),
        recordErrors: array({
          batchIndex: int32,
          batchIndexErrorMessage: string.nullable().orElse(null),
        }).in('8+'),
        errorMessage: string.in('8+').nullable('8+').orElse(null),
        currentLeader: struct({ leaderId: int32.orElse(-1), leaderEpoch: int32.orElse(-1) }).tagged(0, '10+'),
      }),
    }),
    throttleTimeMs: int32.in('1+'),
    nodeEndpoints: array({
      nodeId: int32,
      host: string,
      port: int32,
      rack: string.nullable().orElse(null),
    }).tagged(0, '10+'),
  },
})

export type ProduceRequest = RequestOf<typeof Produce>
export type ProduceResponse = ResponseOf<typeof Produce>
