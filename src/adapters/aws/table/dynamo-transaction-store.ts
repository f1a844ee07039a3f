import { randomUUID } from 'node:crypto'
import { STAGED_PREFIX, stagedFrom, transactionKey } from '../../../core/storage-transactions.ts'
import { TRANSACTIONS_FORMAT_VERSION } from '../../../core/store-format.ts'
import type { LogIndex } from '../../../ports/log-index.ts'
import { StoreFailed } from '../../../ports/outcome.ts'
import type { TransactionStore } from '../../../ports/transaction-store.ts'
import { decidedUpdate } from '../items/decided.ts'
import { decodeOpenHeadItem, headItemKey } from '../items/head.ts'
import {
  chunkItemKey,
  decodeChunkItem,
  decodeTransactionItem,
  encodeChunkItem,
  encodeListedTransaction,
  encodeTransactionItem,
  isListedStill,
  isTransactionAt,
  listedAfter,
  listedTransactionKey,
  transactionItemKey,
} from '../items/transaction.ts'
import type { StoreStatement } from '../store-statement.ts'
import { sortKeyOf } from './attributes.ts'
import { between, goneOr } from './conditions.ts'
import type { DynamoTable } from './dynamo-table.ts'

/**
 * Transactions in a DynamoDB table: every step is one PutItem.
 * @param statement what the table says of its store: before its first transaction it says what keeps older programs away
 */
export function dynamoTransactionStore(
  table: DynamoTable,
  statement?: StoreStatement,
): Omit<TransactionStore, 'putWithEffects'> {
  // No item has the end itself as its key.
  const removeChunksBelow = (transactionalId: string, number: number) =>
    table.removeFound(between(transactionKey(transactionalId), STAGED_PREFIX, stagedFrom(number)))

  return {
    read: transactionalId => table.read(transactionItemKey(transactionalId), decodeTransactionItem),
    async put(transaction, expected) {
      const { held, item } = await table.put(encodeTransactionItem(transaction), isTransactionAt(expected))
      if (held) return { held, transaction }
      const standing = item && decodeTransactionItem(item)
      return { held: standing?.version === transaction.version, transaction: standing }
    },
    async putChunk(transactionalId, chunk) {
      await table.put(encodeChunkItem(transactionalId, chunk))
    },
    readChunk: (transactionalId, chunk) =>
      table.read(chunkItemKey(transactionalId, chunk), item => decodeChunkItem(chunk, item)),
    removeChunksBelow,
    async register(transactionalId) {
      if (statement) await refuseOlder(statement)
      await table.put(encodeListedTransaction(transactionalId, randomUUID()))
    },
    registered: last =>
      table.list(listedAfter(last), sortKeyOf, {
        keysAnd: '',
      }),
    /**
     * The list is read first: whoever makes the item anew has listed it after that. The chunks go before the item, since one that is
     * made anew counts from the beginning.
     */
    async remove(transactionalId, standing) {
      const isStill = await table.read(listedTransactionKey(transactionalId), isListedStill)
      if (standing) await removeChunksBelow(transactionalId, standing.number + 1)
      const when = standing && goneOr(isTransactionAt(standing.version))
      const isGone = when
        ? await table.remove(transactionItemKey(transactionalId), when)
        : (await table.get(transactionItemKey(transactionalId))) === undefined
      if (isGone && isStill) await table.remove(listedTransactionKey(transactionalId), isStill)
      return isGone
    },
  }
}

/** Whoever may not raise what a table says must not begin with what older programs, which may be at work on it, do not know. */
async function refuseOlder(statement: StoreStatement): Promise<void> {
  const { version = 0 } = (await statement.beforeWriting()) ?? {}
  if (version >= TRANSACTIONS_FORMAT_VERSION) return
  throw new StoreFailed(
    `the table "${statement.table}" does not say yet that its programs know of transactions (format ${version}, and they ` +
      `begin with ${TRANSACTIONS_FORMAT_VERSION}): deploy this version's functions, of which the first that writes has it say so, ` +
      'or open the table with states: true, once nothing older works on it. Then start this program again',
  )
}

/** What only transactions and outboxes ask of an index: one UpdateItem. */
export async function appendDecided(
  table: DynamoTable,
  ...[partition, ...given]: Parameters<LogIndex['appendDecided']>
): ReturnType<LogIndex['appendDecided']> {
  const { held, item } = await table.update(headItemKey(partition), decidedUpdate(...given))
  const head = item && decodeOpenHeadItem(item)
  return head ? { kind: held ? 'appended' : 'refused', head } : { kind: 'missing' }
}
