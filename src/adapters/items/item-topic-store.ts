import { TOPICS_KEY } from '../../core/storage-layout.ts'
import type { TopicItem, TopicStore } from '../../ports/topic-store.ts'
import { jsonForm } from './form.ts'
import { endOf, type Items, joinKey } from './items.ts'

const TOPICS = jsonForm<TopicItem>()

/** Topics over sorted items, each as JSON. */
export class ItemTopicStore implements TopicStore {
  readonly #items: Items

  constructor(items: Items) {
    this.#items = items
  }

  async get(name: string): Promise<TopicItem | undefined> {
    return await TOPICS.read(this.#items, topicKey(name))
  }

  async *list(): AsyncGenerator<TopicItem> {
    yield* TOPICS.readAll(this.#items, topicKey(''), endOf(topicKey('')))
  }

  async put(item: TopicItem, expected: string | undefined): Promise<boolean> {
    const { changed } = await TOPICS.change(this.#items, topicKey(item.name), standing =>
      standing?.version === expected ? item : undefined,
    )
    return changed !== undefined
  }

  async remove(name: string, expected: string): Promise<boolean> {
    const isExpected = ({ version }: TopicItem) => version === expected
    return (await TOPICS.removeIf(this.#items, topicKey(name), isExpected)).isRemoved
  }
}

function topicKey(name: string): string {
  return joinKey(TOPICS_KEY, name)
}
