import type { OutboxStore } from '../../../ports/outbox-store.ts'
import type { AwsConnection } from '../connection.ts'
import { makeTableClients } from './aws-table.ts'
import { dynamoOutboxStore } from './dynamo-outbox-store.ts'
import { DynamoTable } from './dynamo-table.ts'

/** Outboxes in a table, for who relays: all others do without. Makes the clients and sends nothing. */
export function openOutboxStore({
  table,
  ...connection
}: AwsConnection & { readonly table: string }): OutboxStore & { close(): void } {
  const clients = makeTableClients(connection)
  // Without asking what the table says of its store: whoever moves something into a log asks.
  const store = dynamoOutboxStore(new DynamoTable(clients, table), { clients, name: table })
  return { ...store, close: () => clients.close() }
}
