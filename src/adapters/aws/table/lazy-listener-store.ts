import type { ListenerStore } from '../../../ports/listener-store.ts'
import type { DynamoTable } from './dynamo-table.ts'

type Call = (...given: unknown[]) => Promise<unknown>

/** Listeners in a DynamoDB table, loaded with the first of them. */
export function lazyListenerStore(table: DynamoTable): ListenerStore {
  let opened: Promise<object> | undefined
  const open = () => {
    opened ??= import('./dynamo-listener-store.ts').then(module => module.dynamoListenerStore(table))
    return opened
  }
  const later =
    (name: keyof ListenerStore): Call =>
    async (...given) => {
      const call: Call = Reflect.get(await open(), name)
      return await call(...given)
    }
  // Each answers a promise, so that none need be spelled out. It is no promise itself.
  return new Proxy({} as ListenerStore, {
    get: (_, name) => (name === 'then' ? undefined : later(name as keyof ListenerStore)),
  })
}
