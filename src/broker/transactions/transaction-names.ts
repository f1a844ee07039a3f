import type { EndTransaction, TransactionName } from '../../contract/transactions.ts'
import { TidemarkError } from '../../core/errors.ts'
import { checkTransactionalId } from '../../core/group/identity.ts'
import type { Caller } from '../../core/transaction/fence.ts'
import type { Refusal, Transaction } from '../../core/transaction/transaction.ts'

/** @throws TidemarkError INVALID_REQUEST */
export function checkName({ transactionalId, producerId, epoch, number }: TransactionName): void {
  checkTransactionalId(transactionalId)
  const isNumber = (value: number) => Number.isSafeInteger(value) && value >= 0
  if (producerId >= 0n && isNumber(epoch) && (number === undefined || isNumber(number))) return
  throw new TidemarkError(
    'INVALID_REQUEST',
    'A transaction is named by the producer id and the epoch that initProducer gives.',
  )
}

/** @throws TidemarkError INVALID_REQUEST */
export function checkEnd({ number, batches = [], offsets = [] }: EndTransaction): void {
  if (number !== undefined || (batches.length === 0 && offsets.length === 0)) return
  throw new TidemarkError(
    'INVALID_REQUEST',
    'Who ends a transaction with batches or offsets says its number, so that a repetition is known as one.',
  )
}

/** @param tried of a caller that does not count: the transaction that an earlier try of the same call was about */
export function callerOf({ producerId, epoch, number }: TransactionName, tried: number | undefined): Caller {
  return { producerId, epoch, number: number ?? tried }
}

/** Whether the transaction that is to end has been decided already. */
export function hasEnded(standing: Transaction | undefined, { number }: EndTransaction): boolean {
  return number !== undefined && standing?.number === number && standing.state !== 'open'
}

/** Of a producer's call. */
export function unknownId({ transactionalId }: Pick<TransactionName, 'transactionalId'>): Refusal {
  return {
    kafkaName: 'INVALID_PRODUCER_ID_MAPPING',
    message: `The transactional id "${transactionalId}" is not known (any more). Ask for a producer id anew.`,
  }
}

/** Somebody else has changed what this call relied on. */
export function overtaken({ transactionalId }: Pick<TransactionName, 'transactionalId'>): Refusal {
  return {
    kafkaName: 'CONCURRENT_TRANSACTIONS',
    message: `Somebody else has changed what "${transactionalId}" is about just now. Try again.`,
  }
}

/** Of an operator's call. */
export function idNotFound(transactionalId: string): TidemarkError {
  return new TidemarkError(
    'TRANSACTIONAL_ID_NOT_FOUND',
    `There is no transactional id "${transactionalId}". It may have been forgotten: nobody used it for a week.`,
  )
}
