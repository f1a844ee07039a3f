import { KEY_ATTRIBUTES } from '../../../core/storage-layout.ts'
import {
  LISTED_TRANSACTION_ATTRIBUTES,
  STAGED_ATTRIBUTES,
  stagedKey,
  TRANSACTION_ATTRIBUTES,
  TRANSACTION_STATE_KEY,
  TRANSACTIONS_KEY,
  transactionKey,
} from '../../../core/storage-transactions.ts'
import type { StagedChunk, Transaction } from '../../../core/transaction/transaction.ts'
import {
  decodeChunk,
  decodeTransaction,
  encodeChunk,
  encodeTransaction,
} from '../../../core/transaction/transaction-bytes.ts'
import { bytes, encoded, type Item, itemKey, number, string, text } from '../table/attributes.ts'
import { NO_ITEM, under } from '../table/conditions.ts'
import { type Expression, words } from '../table/expression.ts'

const { version: VERSION, state: STATE, number: NUMBER, encoded: ENCODED } = TRANSACTION_ATTRIBUTES
const transaction = encoded(encodeTransaction, decodeTransaction)

export function transactionItemKey(transactionalId: string): Item {
  return itemKey(transactionKey(transactionalId), TRANSACTION_STATE_KEY)
}

/** State and number for whoever looks at the item without decoding it: a filter of the table's stream, and a person. */
export function encodeTransactionItem(put: Transaction): Item {
  return {
    ...transactionItemKey(put.transactionalId),
    [VERSION]: string(put.version),
    [STATE]: string(put.state),
    [NUMBER]: number(put.number),
    [ENCODED]: transaction.write(put),
  }
}

/** @throws RangeError when the item is no transaction of a version that is known */
export function decodeTransactionItem(item: Item): Transaction {
  return transaction.read(item[ENCODED], ENCODED)
}

/** That it has this version still; undefined: that there is none. */
export function isTransactionAt(expected: string | undefined): Expression {
  return expected === undefined ? NO_ITEM : words`${VERSION} = ${string(expected)}`
}

export function chunkItemKey(transactionalId: string, chunk: Pick<StagedChunk, 'id' | 'number'>): Item {
  return itemKey(transactionKey(transactionalId), stagedKey(chunk))
}

export function encodeChunkItem(transactionalId: string, chunk: StagedChunk): Item {
  return {
    ...chunkItemKey(transactionalId, chunk),
    [STAGED_ATTRIBUTES.encoded]: bytes.write(encodeChunk(chunk)),
  }
}

/** @throws RangeError when the item is no chunk of a version that is known */
export function decodeChunkItem(chunk: Pick<StagedChunk, 'id' | 'number'>, item: Item): StagedChunk {
  return decodeChunk(chunk, bytes.read(item[STAGED_ATTRIBUTES.encoded], STAGED_ATTRIBUTES.encoded))
}

export function listedTransactionKey(transactionalId: string): Item {
  return itemKey(TRANSACTIONS_KEY, transactionalId)
}

/** @param version another each time */
export function encodeListedTransaction(transactionalId: string, version: string): Item {
  return {
    ...listedTransactionKey(transactionalId),
    [LISTED_TRANSACTION_ATTRIBUTES.version]: string(version),
  }
}

/** The list's entries, from behind one on. */
export function listedAfter(last: string | undefined): Expression {
  const all = under(TRANSACTIONS_KEY)
  return last === undefined ? all : words`${all} AND ${KEY_ATTRIBUTES.sort} > ${string(last)}`
}

/** That the list's entry is the one that was read. */
export function isListedStill(item: Item): Expression {
  const name = LISTED_TRANSACTION_ATTRIBUTES.version
  return words`${name} = ${string(text.read(item[name], name))}`
}
