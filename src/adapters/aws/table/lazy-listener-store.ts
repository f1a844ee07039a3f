import type { ListenerStore } from '../../../ports/listener-store.ts'
import type { DynamoTable } from './dynamo-table.ts'
import { lazily } from './lazily.ts'

/** Listeners in a DynamoDB table, loaded with the first of them. */
export function lazyListenerStore(table: DynamoTable): ListenerStore {
  return lazily(async () => (await import('./dynamo-listener-store.ts')).dynamoListenerStore(table), {
    arm: 'one',
    take: 'one',
    disarm: 'one',
    readKey: 'one',
    key: 'one',
  })
}
