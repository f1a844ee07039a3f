import { TOPICS_KEY } from '../../core/storage-layout.ts'
import type { TopicItem, TopicStore } from '../../ports/topic-store.ts'
import type { IndexDatabase } from './index-database.ts'

/** Topics in SQLite, each as JSON. */
export class LocalTopicStore implements TopicStore {
  readonly #database: IndexDatabase

  constructor(database: IndexDatabase) {
    this.#database = database
  }

  async get(name: string): Promise<TopicItem | undefined> {
    const value = this.#database.get(topicKey(name))
    return value && decode(value)
  }

  async *list(): AsyncGenerator<TopicItem> {
    // Read whole before the first is given: the caller may take its time, a read transaction must not.
    for (const { value } of [...this.#database.range(topicKey(''), `${TOPICS_KEY}0`)]) yield decode(value)
  }

  async put(item: TopicItem, expected: string | undefined): Promise<boolean> {
    let isPut = false
    await this.#database.update(topicKey(item.name), standing => {
      isPut = (standing && decode(standing).version) === expected
      return isPut ? Buffer.from(JSON.stringify(item)) : undefined
    })
    return isPut
  }

  async remove(name: string, expected: string): Promise<boolean> {
    return await this.#database.removeIf(topicKey(name), standing => decode(standing).version === expected)
  }
}

function topicKey(name: string): string {
  return `${TOPICS_KEY}/${name}`
}

function decode(value: Buffer): TopicItem {
  return JSON.parse(value.toString()) as TopicItem
}
