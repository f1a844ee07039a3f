import type { TransactionName } from '../../../contract/transactions.ts'
import { TidemarkError } from '../../../core/errors.ts'

interface Producer {
  readonly transactionalId: string
  readonly producerId: number
  readonly producerEpoch: number
}

/** Whose transaction a request means. @throws INVALID_REQUEST, INVALID_PRODUCER_ID_MAPPING */
export function nameOf({ transactionalId, producerId, producerEpoch }: Producer): TransactionName {
  if (transactionalId === '') throw new TidemarkError('INVALID_REQUEST', 'A transactional id is not empty.')
  if (producerId < 0) {
    throw new TidemarkError('INVALID_PRODUCER_ID_MAPPING', `There is no producer ${producerId}.`)
  }
  if (producerEpoch < 0) {
    throw new TidemarkError('INVALID_PRODUCER_EPOCH', `There is no epoch ${producerEpoch}.`)
  }
  return { transactionalId, producerId: BigInt(producerId), epoch: producerEpoch }
}
