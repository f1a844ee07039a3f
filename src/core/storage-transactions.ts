/** The names of what is kept of transactions, in their own items and in claims, as storage-layout.ts has those of all else. */

/** The partition key of the list of transactional ids; each item's sort key is an id as it is. */
export const TRANSACTIONS_KEY = 'transactions'

/** The start of every transactional id's partition key. */
export const TRANSACTION_PREFIX = 'transaction#'

/**
 * The partition key of one transactional id's items. An id can be any string: what the key's own parts are told apart by is
 * written as in a URL.
 * @throws RangeError where the id has half a surrogate pair, which no store of UTF-8 can keep
 */
export function transactionKey(transactionalId: string): string {
  if (!transactionalId.isWellFormed()) throw new RangeError('a transactional id is no well-formed Unicode')
  return `${TRANSACTION_PREFIX}${transactionalId.replace(/[%#/]/g, encodeURIComponent)}`
}

/** The transactional id in such a key. @throws RangeError when the key is not one */
export function parseTransactionKey(key: string): string {
  const id = key.slice(TRANSACTION_PREFIX.length).replace(/%(25|23|2F)/g, decodeURIComponent)
  if (transactionKey(id) !== key) throw new RangeError(`${key} is not the key of a transaction`)
  return id
}

/** The sort key of the transaction's own item. It sorts behind all chunks. */
export const TRANSACTION_STATE_KEY = 'state'

/** The start of the sort keys of all chunks of staged runs. */
export const STAGED_PREFIX = 'staged#'
const NUMBER_DIGITS = 16

/** Sorts before the sort keys of all chunks of the transactions from this number on, and behind those of all before. */
export function stagedFrom(number: number): string {
  return `${STAGED_PREFIX}${String(number).padStart(NUMBER_DIGITS, '0')}`
}

/** A chunk's sort key. */
export function stagedKey({ number, id }: { readonly number: number; readonly id: string }): string {
  return `${stagedFrom(number)}#${id}`
}

/** A transaction's attributes in a DynamoDB table. Expressions spell out `version` only. */
export const TRANSACTION_ATTRIBUTES = {
  version: 'version',
  state: 'state',
  number: 'number',
  encoded: 'encoded',
} as const

/** The attribute of a chunk of what a transaction has staged, in a DynamoDB table. */
export const STAGED_ATTRIBUTES = { encoded: 'encoded' } as const

/** The attribute of an item in the list of transactional ids. It is new with every write. */
export const LISTED_TRANSACTION_ATTRIBUTES = { version: 'version' } as const

/** The attributes of what is pending in a claim, in a DynamoDB table. */
export const PENDING_ATTRIBUTES = {
  transactionId: 'pendingId',
  transactionalId: 'pendingOf',
  version: 'pendingVersion',
  offset: 'pendingOffset',
  leaderEpoch: 'pendingLeaderEpoch',
  metadata: 'pendingMetadata',
} as const
