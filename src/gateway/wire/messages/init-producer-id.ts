import { defineApi } from '../api.ts'
import { bool, int16, int32, int64, string } from '../schema.ts'

export const InitProducerId = defineApi({
  key: 22,
  name: 'InitProducerId',
  versions: [0, 6],
  flexibleFrom: 2,
  request: {
    transactionalId: string.nullable(),
    transactionTimeoutMs: int32,
    producerId: int64.in('3+').orElse(-1),
    producerEpoch: int16.in('3+').orElse(-1),
    enable2Pc: bool.in('6+'),
    keepPreparedTxn: bool.in('6+'),
  },
  response: {
    throttleTimeMs: int32.orElse(0),
    errorCode: int16,
    producerId: int64.orElse(-1),
    producerEpoch: int16.orElse(-1),
    ongoingTxnProducerId: int64.in('6+').orElse(-1),
    ongoingTxnProducerEpoch: int16.in('6+').orElse(-1),
  },
})
