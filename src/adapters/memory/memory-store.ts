import type { Clock } from '../../ports/clock.ts'
import type { ListenerStore } from '../../ports/listener-store.ts'
import type { ObjectStore } from '../../ports/object-store.ts'
import type { Decisions } from '../items/decisions.ts'
import { listenersOver } from '../items/listeners.ts'
import { type ItemStores, storesOver } from '../items/stores.ts'
import { MemoryItems } from './memory-items.ts'
import { MemoryObjectStore } from './memory-object-store.ts'
import type { Network } from './network.ts'

/** The ports in memory. */
export interface MemoryStore extends ItemStores {
  readonly objects: MemoryObjectStore
  readonly items: MemoryItems
  readonly listeners: ListenerStore
  /** The same store as it looks across an unreliable network. */
  across(network: Network): ItemStores & { readonly objects: ObjectStore }
}

/** Makes an empty store. @param takesEffects as storesOver */
export function openMemoryStore(
  clock: Clock,
  decisions: Partial<Decisions> = {},
  takesEffects = false,
): MemoryStore {
  const items = new MemoryItems()
  const objects = new MemoryObjectStore(clock)
  return {
    ...storesOver(items, decisions, takesEffects),
    objects,
    items,
    listeners: listenersOver(items),
    across: network => ({
      ...storesOver(items.across(network), decisions, takesEffects),
      objects: objects.across(network),
    }),
  }
}
