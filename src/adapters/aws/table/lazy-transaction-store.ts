import type { TransactionStore } from '../../../ports/transaction-store.ts'
import type { StoreStatement } from '../store-statement.ts'
import type { DynamoTable } from './dynamo-table.ts'
import { lazily } from './lazily.ts'

/** Transactions in a DynamoDB table, loaded with the first of them. */
export function lazyTransactionStore(
  table: DynamoTable,
  statement?: StoreStatement,
): Omit<TransactionStore, 'putWithEffects'> {
  return lazily(async () => (await import('./dynamo-seldom.ts')).dynamoTransactionStore(table, statement), {
    read: 'one',
    put: 'one',
    putChunk: 'one',
    readChunk: 'one',
    removeChunksBelow: 'one',
    register: 'one',
    registered: 'all',
    remove: 'one',
  })
}
