import type { TransactionFailure } from '../../../contract/transactions.ts'
import { isKafkaErrorName, type KafkaErrorName, TidemarkError } from '../../../core/errors.ts'
import { codeOf, NONE } from '../error-code.ts'
import { toGroupError } from '../groups/codes.ts'

/** From here on AddPartitionsToTxn, AddOffsetsToTxn and EndTxn know that a producer is fenced. */
const FENCED_FROM = 2
/** From here on InitProducerId does. */
export const INIT_FENCED_FROM = 4

/**
 * The code of an error of the broker, in the words that clients know of transactions.
 * @param fencedFrom the API's first version that knows PRODUCER_FENCED; before, it was an epoch like any other that is not right
 */
export function transactionCode(error: unknown, version: number, fencedFrom = FENCED_FROM): number {
  if (!(error instanceof TidemarkError)) throw error
  return codeOfName(error.kafkaName, version, fencedFrom)
}

/** As `transactionCode`, of one partition. */
export function failureCode(failure: TransactionFailure | null, version: number): number {
  if (failure === null) return NONE
  const { kafkaName } = failure
  return codeOfName(isKafkaErrorName(kafkaName) ? kafkaName : 'UNKNOWN_SERVER_ERROR', version, FENCED_FROM)
}

function codeOfName(name: KafkaErrorName, version: number, fencedFrom: number): number {
  switch (name) {
    case 'PRODUCER_FENCED':
    case 'INVALID_PRODUCER_EPOCH':
      return codeOf(version < fencedFrom ? 'INVALID_PRODUCER_EPOCH' : 'PRODUCER_FENCED')
    // Of a producer, that is: no id has been drawn for it, or it was forgotten.
    case 'TRANSACTIONAL_ID_NOT_FOUND':
      return codeOf('INVALID_PRODUCER_ID_MAPPING')
    default:
      return toGroupError(new TidemarkError(name, '')).errorCode
  }
}

/**
 * An error in the words of what writes in a transaction without being asked of its coordinator: records, and offsets of groups. Of
 * what is wrong with the transaction, those know an epoch or an id that is not right.
 * @param knowsAbortable whether this version of the API has TRANSACTION_ABORTABLE
 */
export function toWriters(error: unknown, knowsAbortable: boolean): unknown {
  if (!(error instanceof TidemarkError)) return error
  const other = inOtherWords(error.kafkaName, knowsAbortable)
  return other ? new TidemarkError(other, error.message) : error
}

function inOtherWords(name: KafkaErrorName, knowsAbortable: boolean): KafkaErrorName | undefined {
  switch (name) {
    case 'PRODUCER_FENCED':
      return 'INVALID_PRODUCER_EPOCH'
    case 'TRANSACTIONAL_ID_NOT_FOUND':
      return 'INVALID_PRODUCER_ID_MAPPING'
    case 'INVALID_TXN_STATE':
    case 'TRANSACTION_ABORTABLE':
      return knowsAbortable ? 'TRANSACTION_ABORTABLE' : 'INVALID_TXN_STATE'
    default:
      return undefined
  }
}
