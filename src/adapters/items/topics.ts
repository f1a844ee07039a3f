import { TOPICS_KEY } from '../../core/storage-layout.ts'
import type { TopicItem, TopicStore } from '../../ports/topic-store.ts'
import { type Items, joinKey } from './items.ts'
import { TypedItems } from './typed-items.ts'

/** Topics over sorted items, each as JSON. */
export function topicsOver(items: Items): TopicStore {
  const topics = new TypedItems<TopicItem>(items)
  const keyOf = (name: string) => joinKey(TOPICS_KEY, name)
  return {
    get: name => topics.read(keyOf(name)),
    list: () => topics.all(keyOf('')),
    put: async (item, expected) => {
      const { changed } = await topics.change(keyOf(item.name), standing =>
        standing?.version === expected ? item : undefined,
      )
      return changed !== undefined
    },
    remove: async (name, expected) => {
      const outcome = await topics.remove(keyOf(name), ({ version }) => version === expected)
      return outcome === 'removed'
    },
  }
}
