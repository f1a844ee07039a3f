import { DECISIONS, type Decisions } from './decisions.ts'
import { ItemGroupStore } from './item-group-store.ts'
import { ItemLogIndex } from './item-log-index.ts'
import { ItemTopicStore } from './item-topic-store.ts'
import { ItemTriggerStore } from './item-trigger-store.ts'
import type { Items } from './items.ts'

/** The ports that keep items. */
export interface ItemStores {
  readonly index: ItemLogIndex
  readonly topics: ItemTopicStore
  readonly groups: ItemGroupStore
  readonly triggers: ItemTriggerStore
}

/** The log index, topics, groups and triggers over one key space. */
export function storesOver(items: Items, decisions: Partial<Decisions> = {}): ItemStores {
  const all = { ...DECISIONS, ...decisions }
  return {
    index: new ItemLogIndex(items, all),
    topics: new ItemTopicStore(items),
    groups: new ItemGroupStore(items, all),
    triggers: new ItemTriggerStore(items),
  }
}
