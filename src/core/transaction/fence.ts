import { type ProducerName, type Refusal, type Transaction, transactionIdOf } from './transaction.ts'

/** Who asks for a change. */
export interface Caller extends ProducerName {
  /** Which transaction it is about; undefined: the caller does not count them. */
  readonly number?: number | undefined
}

/** Why somebody may not change it: undefined, where he is its producer. */
export function fence(
  { transactionalId, producerId, epoch }: Transaction,
  caller: Caller,
  olderEpoch: 'INVALID_PRODUCER_EPOCH' | 'PRODUCER_FENCED' = 'PRODUCER_FENCED',
): Refusal | undefined {
  if (caller.producerId !== producerId) {
    return {
      kafkaName: 'INVALID_PRODUCER_ID_MAPPING',
      message: `The transactional id "${transactionalId}" is not producer ${caller.producerId}'s (any more). Ask for a producer id anew.`,
    }
  }
  if (caller.epoch === epoch) return undefined
  return {
    kafkaName: olderEpoch,
    message:
      `Producer ${producerId} has epoch ${epoch} by now, not ${caller.epoch}: another one with the transactional id "${transactionalId}" has taken its ` +
      'place, or its transaction took longer than its time-out. Close this one.',
  }
}

/** Why a call does not fit the state. */
export function wrongState(transaction: Transaction, wanted: string): Refusal {
  const { transactionalId, state, number } = transaction
  if (state === 'committing' || state === 'aborting') {
    return {
      kafkaName: 'CONCURRENT_TRANSACTIONS',
      message: `Transaction ${transactionIdOf(transaction)} of "${transactionalId}" is ${state}. Try again.`,
    }
  }
  return {
    kafkaName: 'INVALID_TXN_STATE',
    message: `"${transactionalId}" cannot ${wanted}: its transaction number ${number} is ${state}.`,
  }
}
