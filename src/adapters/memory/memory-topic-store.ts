import type { TopicItem, TopicStore } from '../../ports/topic-store.ts'

/** Topics in memory. */
export class MemoryTopicStore implements TopicStore {
  readonly #items = new Map<string, TopicItem>()

  async get(name: string): Promise<TopicItem | undefined> {
    return structuredClone(this.#items.get(name))
  }

  async *list(): AsyncGenerator<TopicItem> {
    const byName = (left: TopicItem, right: TopicItem) => (left.name < right.name ? -1 : 1)
    yield* structuredClone([...this.#items.values()].sort(byName))
  }

  async put(item: TopicItem, expected: string | undefined): Promise<boolean> {
    if (this.#items.get(item.name)?.version !== expected) return false
    this.#items.set(item.name, structuredClone(item))
    return true
  }

  async remove(name: string, expected: string): Promise<boolean> {
    if (this.#items.get(name)?.version !== expected) return false
    return this.#items.delete(name)
  }
}
