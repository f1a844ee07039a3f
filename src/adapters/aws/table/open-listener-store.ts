import type { ListenerStore } from '../../../ports/listener-store.ts'
import type { AwsConnection } from '../connection.ts'
import { makeTableClients } from './aws-table.ts'
import { dynamoListenerStore } from './dynamo-listener-store.ts'
import { DynamoTable } from './dynamo-table.ts'

/** Listeners in a table of which nothing else is wanted. Makes the clients and sends nothing. */
export function openListenerStore({
  table,
  ...connection
}: AwsConnection & { readonly table: string }): ListenerStore {
  // Without asking what the table says of its store: nothing of this is part of any log.
  return dynamoListenerStore(new DynamoTable(makeTableClients(connection), table))
}
