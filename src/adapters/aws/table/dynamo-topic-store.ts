import { TOPICS_KEY } from '../../../core/storage-layout.ts'
import type { TopicItem, TopicStore } from '../../../ports/topic-store.ts'
import { decodeTopicItem, encodeTopicItem, isAtVersion, topicItemKey } from '../items/topic.ts'
import { under } from './conditions.ts'
import type { DynamoTable } from './dynamo-table.ts'

/** Topics in a DynamoDB table, all under one partition key, so that a listing is one query. */
export class DynamoTopicStore implements TopicStore {
  readonly #table: DynamoTable

  constructor(table: DynamoTable) {
    this.#table = table
  }

  async get(name: string): Promise<TopicItem | undefined> {
    return await this.#table.read(topicItemKey(name), decodeTopicItem)
  }

  list(): AsyncGenerator<TopicItem> {
    return this.#table.list(under(TOPICS_KEY), decodeTopicItem)
  }

  async put(item: TopicItem, expected: string | undefined): Promise<boolean> {
    const { held } = await this.#table.put(encodeTopicItem(item), isAtVersion(expected))
    return held
  }

  async remove(name: string, expected: string): Promise<boolean> {
    return await this.#table.remove(topicItemKey(name), isAtVersion(expected))
  }
}
