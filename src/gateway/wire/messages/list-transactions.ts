import { defineApi } from '../api.ts'
import { array, int16, int32, int64, string } from '../schema.ts'

export const ListTransactions = defineApi({
  key: 66,
  name: 'ListTransactions',
  versions: [0, 2],
  flexibleFrom: 0,
  request: {
    stateFilters: array(string),
    producerIdFilters: array(int64),
    durationFilter: int64.in('1+').orElse(-1),
    transactionalIdPattern: string.in('2+').nullable('2+').orElse(null),
  },
  response: {
    throttleTimeMs: int32.orElse(0),
    errorCode: int16,
    unknownStateFilters: array(string).orElse([]),
    transactionStates: array({ transactionalId: string, producerId: int64, transactionState: string }),
  },
})
