import { TOPICS_KEY } from '../../core/storage-layout.ts'
import type { TopicItem, TopicStore } from '../../ports/topic-store.ts'
import { type Items, joinKey } from './items.ts'
import { decodeJson, TypedItems } from './typed-items.ts'

const MEMBERS = ['name', 'topicId', 'partitions', 'configs', 'createdMs', 'state', 'version'] as const

/** @throws RangeError, SyntaxError where it is no topic */
function decodeTopic(bytes: Uint8Array): TopicItem {
  const item = decodeJson<TopicItem>(bytes)
  const missing = MEMBERS.find(member => item[member] === undefined)
  if (missing !== undefined) throw new RangeError(`it has no ${missing}`)
  return item
}

/** Topics over sorted items, each as JSON. */
export function topicsOver(items: Items): TopicStore {
  const topics = new TypedItems<TopicItem>(items, undefined, decodeTopic)
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
