import { KEY_ATTRIBUTES, TOPIC_ATTRIBUTES, TOPICS_KEY } from '../../core/storage-layout.ts'
import type { TopicItem, TopicStore } from '../../ports/topic-store.ts'
import { decodeTopicItem, encodeTopicItem, topicItemKey } from './dynamo-items.ts'
import type { Condition, DynamoTable } from './dynamo-table.ts'

/** Topics in a DynamoDB table, all under one partition key, so that a listing is one query. */
export class DynamoTopicStore implements TopicStore {
  readonly #table: DynamoTable

  constructor(table: DynamoTable) {
    this.#table = table
  }

  async get(name: string): Promise<TopicItem | undefined> {
    const item = await this.#table.get(topicItemKey(name))
    return item && decodeTopicItem(item)
  }

  async *list(): AsyncGenerator<TopicItem> {
    const condition = `${KEY_ATTRIBUTES.partition} = :topics`
    const items = this.#table.query({ condition, values: { ':topics': { S: TOPICS_KEY } } })
    for await (const item of items) yield decodeTopicItem(item)
  }

  async put(item: TopicItem, expected: string | undefined): Promise<boolean> {
    const { held } = await this.#table.put(encodeTopicItem(item), atVersion(expected))
    return held
  }

  async remove(name: string, expected: string): Promise<boolean> {
    return await this.#table.remove(topicItemKey(name), atVersion(expected))
  }
}

/** undefined: there is no item. */
function atVersion(expected: string | undefined): Condition {
  if (expected === undefined) return { expression: `attribute_not_exists(${KEY_ATTRIBUTES.partition})` }
  return {
    expression: `${TOPIC_ATTRIBUTES.version} = :expected`,
    values: { ':expected': { S: expected } },
  }
}
