import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { GroupStore } from '../../../ports/group-store.ts'
import type { LogIndex } from '../../../ports/log-index.ts'
import type { TopicStore } from '../../../ports/topic-store.ts'
import type { TriggerStore } from '../../../ports/trigger-store.ts'
import { type AwsConnection, type ClientPair, clientConfig, makeClientPair } from '../connection.ts'
import { dynamoGroupStore } from './dynamo-group-store.ts'
import { dynamoLogIndex } from './dynamo-log-index.ts'
import { DynamoTable } from './dynamo-table.ts'
import { dynamoTopicStore } from './dynamo-topic-store.ts'
import { dynamoTriggerStore } from './dynamo-trigger-store.ts'

export interface AwsTable {
  readonly index: LogIndex
  readonly topics: TopicStore
  readonly groups: GroupStore
  readonly triggers: TriggerStore
  close(): void
}

export function makeTableClients(connection: AwsConnection): ClientPair<DynamoDBClient> {
  return makeClientPair(DynamoDBClient, clientConfig(connection), connection)
}

/** Makes the clients and sends nothing. */
export function openAwsTable(options: AwsConnection & { readonly table: string }): AwsTable {
  const clients = makeTableClients(options)
  const table = new DynamoTable(clients, options.table)
  return {
    index: dynamoLogIndex(table),
    topics: dynamoTopicStore(table),
    groups: dynamoGroupStore(table),
    triggers: dynamoTriggerStore(table),
    close: () => clients.close(),
  }
}
