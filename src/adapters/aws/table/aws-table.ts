import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { GroupStore } from '../../../ports/group-store.ts'
import type { ListenerStore } from '../../../ports/listener-store.ts'
import type { LogIndex } from '../../../ports/log-index.ts'
import type { TopicStore } from '../../../ports/topic-store.ts'
import type { TransactionStore } from '../../../ports/transaction-store.ts'
import type { TriggerStore } from '../../../ports/trigger-store.ts'
import type { UpkeepStore } from '../../../ports/upkeep-store.ts'
import { type AwsConnection, type ClientPair, clientConfig, makeClientPair } from '../connection.ts'
import type { StoreStatement } from '../store-statement.ts'

import { dynamoLogIndex } from './dynamo-log-index.ts'
import { DynamoTable } from './dynamo-table.ts'
import { dynamoTopicStore } from './dynamo-topic-store.ts'
import { dynamoTriggerStore } from './dynamo-trigger-store.ts'
import { dynamoUpkeepStore } from './dynamo-upkeep-store.ts'
import { lazyGroupStore } from './lazy-group-store.ts'
import { lazyListenerStore } from './lazy-listener-store.ts'
import { lazyTransactionStore } from './lazy-transaction-store.ts'
import { TableFormat } from './table-format.ts'

export interface AwsTable {
  readonly index: LogIndex
  readonly topics: TopicStore
  readonly groups: GroupStore
  readonly triggers: TriggerStore
  readonly upkeep: UpkeepStore
  readonly listeners: ListenerStore
  readonly transactions: TransactionStore
  /** What it says of its store. */
  readonly format: StoreStatement
  close(): void
}

export function makeTableClients(connection: AwsConnection): ClientPair<DynamoDBClient> {
  return makeClientPair(DynamoDBClient, clientConfig(connection), connection)
}

export interface AwsTableOptions extends AwsConnection {
  readonly table: string
  /** Whether a table that says nothing of its store is given a statement with the first write: it may take more permissions. */
  readonly states: boolean
}

/** Makes the clients and sends nothing. */
export function openAwsTable(options: AwsTableOptions): AwsTable {
  const clients = makeTableClients(options)
  const format = new TableFormat(new DynamoTable(clients, options.table), options.table, options.states)
  const table = new DynamoTable(clients, options.table, { gate: format })
  return {
    index: dynamoLogIndex(table),
    topics: dynamoTopicStore(table),
    groups: lazyGroupStore(table),
    triggers: dynamoTriggerStore(table),
    upkeep: dynamoUpkeepStore(table),
    listeners: lazyListenerStore(table),
    transactions: lazyTransactionStore(table, format),
    format,
    close: () => clients.close(),
  }
}
