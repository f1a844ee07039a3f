import type { ListenerStore } from '../../../ports/listener-store.ts'
import type { DynamoTable } from './dynamo-table.ts'

/** Listeners in a DynamoDB table, loaded with the first of them. */
export function lazyListenerStore(table: DynamoTable): ListenerStore {
  let opened: Promise<ListenerStore> | undefined
  const open = () => {
    opened ??= import('./dynamo-listener-store.ts').then(module => module.dynamoListenerStore(table))
    return opened
  }
  return {
    arm: async (...given) => await (await open()).arm(...given),
    take: async (...given) => await (await open()).take(...given),
    disarm: async (...given) => await (await open()).disarm(...given),
    readKey: async () => await (await open()).readKey(),
    key: async (...given) => await (await open()).key(...given),
  }
}
