import { TOPIC_ATTRIBUTES, TOPICS_KEY } from '../../../core/storage-layout.ts'
import type { TopicItem } from '../../../ports/topic-store.ts'
import {
  fields,
  type Item,
  itemKey,
  map,
  oneOf,
  orAbsent,
  sortKeyOf,
  string,
  text,
  truth,
  whole,
} from '../table/attributes.ts'
import { NO_ITEM } from '../table/conditions.ts'
import { type Expression, words } from '../table/expression.ts'

const FIELDS = fields<Omit<TopicItem, 'name'>>(TOPIC_ATTRIBUTES, {
  topicId: text,
  partitions: whole,
  configs: map(text),
  createdMs: whole,
  grownMs: orAbsent(map(whole)),
  growingTo: orAbsent(whole),
  expires: orAbsent(truth),
  state: oneOf("a topic's state", 'making', 'live', 'deleting'),
  version: text,
})

export function topicItemKey(name: string): Item {
  return itemKey(TOPICS_KEY, name)
}

export function encodeTopicItem(topic: TopicItem): Item {
  return { ...topicItemKey(topic.name), ...FIELDS.encode(topic) }
}

/** @throws RangeError when the item is no topic */
export function decodeTopicItem(item: Item): TopicItem {
  return { name: sortKeyOf(item), ...FIELDS.decode(item) }
}

/** That a topic's item has this version still; undefined: that there is none. The condition of every change of it. */
export function isAtVersion(expected: string | undefined): Expression {
  return expected === undefined ? NO_ITEM : words`${TOPIC_ATTRIBUTES.version} = ${string(expected)}`
}
