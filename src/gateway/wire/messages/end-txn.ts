import { defineApi } from '../api.ts'
import { bool, int16, int32, int64, string } from '../schema.ts'

export const EndTxn = defineApi({
  key: 26,
  name: 'EndTxn',
  versions: [0, 5],
  flexibleFrom: 3,
  request: { transactionalId: string, producerId: int64, producerEpoch: int16, committed: bool },
  response: {
    throttleTimeMs: int32.orElse(0),
    errorCode: int16,
    producerId: int64.in('5+').orElse(-1),
    producerEpoch: int16.in('5+').orElse(-1),
  },
})
