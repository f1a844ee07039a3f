import { TOPICS_KEY } from '../../../core/storage-layout.ts'
import type { TopicStore } from '../../../ports/topic-store.ts'
import { decodeTopicItem, encodeTopicItem, isAtVersion, topicItemKey } from '../items/topic.ts'
import { under } from './conditions.ts'
import type { DynamoTable } from './dynamo-table.ts'

/** Topics in a DynamoDB table, all under one partition key, so that a listing is one query. */
export function dynamoTopicStore(table: DynamoTable): TopicStore {
  return {
    get: async name => await table.read(topicItemKey(name), decodeTopicItem),
    list: () => table.list(under(TOPICS_KEY), decodeTopicItem),
    put: async (item, expected) => (await table.put(encodeTopicItem(item), isAtVersion(expected))).held,
    remove: async (name, expected) => await table.remove(topicItemKey(name), isAtVersion(expected)),
  }
}
