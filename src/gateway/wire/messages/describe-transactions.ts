import { defineApi } from '../api.ts'
import { array, int16, int32, int64, string } from '../schema.ts'

export const DescribeTransactions = defineApi({
  key: 65,
  name: 'DescribeTransactions',
  versions: [0, 0],
  flexibleFrom: 0,
  request: { transactionalIds: array(string) },
  response: {
    throttleTimeMs: int32.orElse(0),
    transactionStates: array({
      errorCode: int16,
      transactionalId: string,
      transactionState: string.orElse(''),
      transactionTimeoutMs: int32.orElse(0),
      transactionStartTimeMs: int64.orElse(0),
      producerId: int64.orElse(0),
      producerEpoch: int16.orElse(0),
      topics: array({ topic: string, partitions: array(int32) }).orElse([]),
    }),
  },
})
