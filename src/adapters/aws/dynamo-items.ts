import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import { type Block, decodeBlock, encodeBlock } from '../../core/log/block.ts'
import { decodeEntry, encodeEntry, type IndexEntry } from '../../core/log/entry.ts'
import type { Head } from '../../core/log/head.ts'
import {
  decodeFlushedProducers,
  decodeRetired,
  encodeFlushedProducers,
  encodeRetired,
  expiryMs,
  type FlushedProducer,
} from '../../core/log/producers/flushed-producer.ts'
import { packState, unpackState } from '../../core/log/producers/producer-state.ts'
import { type Offset, toOffset } from '../../core/numbers.ts'
import {
  BLOCK_ATTRIBUTES,
  blockKey,
  HEAD_ATTRIBUTES,
  HEAD_KEY,
  KEY_ATTRIBUTES,
  logKey,
  PRODUCER_ATTRIBUTES,
  parseBlockKey,
  producerKey,
  TOPIC_ATTRIBUTES,
  TOPICS_KEY,
} from '../../core/storage-layout.ts'
import type { PartitionId } from '../../core/topic/partition-id.ts'
import type { TopicItem } from '../../ports/topic-store.ts'

/** What stands in the table: heads with an attribute for each field, blocks as bytes, topics readable. */
export type Item = Record<string, AttributeValue>

/** A head of another version is refused, never guessed at, and never written to. */
export const HEAD_VERSION = 1

export function headItemKey(partition: PartitionId): Item {
  return itemKey(logKey(partition), HEAD_KEY)
}

export function encodeHeadItem(partition: PartitionId, head: Head): Item {
  return {
    ...headItemKey(partition),
    [HEAD_ATTRIBUTES.version]: number(HEAD_VERSION),
    [HEAD_ATTRIBUTES.startOffset]: number(head.startOffset),
    [HEAD_ATTRIBUTES.tailOffset]: number(head.tailOffset),
    [HEAD_ATTRIBUTES.nextOffset]: number(head.nextOffset),
    [HEAD_ATTRIBUTES.flushedBytes]: number(head.flushed.bytes),
    [HEAD_ATTRIBUTES.flushedMaxTimestampMs]: number(head.flushed.maxTimestampMs),
    [HEAD_ATTRIBUTES.tail]: entryList(head.tail),
    // Always there, if empty: an update can only set a member of a map that stands.
    [HEAD_ATTRIBUTES.producers]: { M: encodeStates(head.producers) },
    ...(head.flushedProducers.size > 0 && {
      [HEAD_ATTRIBUTES.flushedProducers]: { B: encodeFlushedProducers(head.flushedProducers) },
    }),
  }
}

/** @throws RangeError when the item is no head of a version that is known */
export function decodeHeadItem(item: Item): Head {
  const version = readNumber(item, HEAD_ATTRIBUTES.version)
  if (version !== HEAD_VERSION) throw new RangeError(`a head of version ${version} is not known`)
  const tail = item[HEAD_ATTRIBUTES.tail]?.L
  const producers = item[HEAD_ATTRIBUTES.producers]?.M
  if (!tail) throw missing(HEAD_ATTRIBUTES.tail)
  if (!producers) throw missing(HEAD_ATTRIBUTES.producers)
  const flushedProducers = item[HEAD_ATTRIBUTES.flushedProducers]?.B
  return {
    startOffset: toOffset(readNumber(item, HEAD_ATTRIBUTES.startOffset)),
    tailOffset: toOffset(readNumber(item, HEAD_ATTRIBUTES.tailOffset)),
    nextOffset: toOffset(readNumber(item, HEAD_ATTRIBUTES.nextOffset)),
    tail: tail.map(({ B }) => {
      if (!B) throw new RangeError('an entry in the tail is not binary')
      return decodeEntry(B)
    }),
    flushed: {
      bytes: readNumber(item, HEAD_ATTRIBUTES.flushedBytes),
      maxTimestampMs: readNumber(item, HEAD_ATTRIBUTES.flushedMaxTimestampMs),
    },
    producers: decodeStates(producers),
    flushedProducers: flushedProducers ? decodeFlushedProducers(flushedProducers) : new Map(),
  }
}

/** A producer's name in the map of producers. */
export function producerName(producerId: bigint): string {
  return String(producerId)
}

function encodeStates(states: Head['producers']): Item {
  const members = [...states].map(([producerId, state]) => [
    producerName(producerId),
    number(packState(state)),
  ])
  return Object.fromEntries(members)
}

function decodeStates(members: Item): Head['producers'] {
  const names = Object.keys(members)
  return new Map(names.map(name => [BigInt(name), unpackState(readNumber(members, name))]))
}

/** One binary value an entry: `contains` compares it as a whole. */
export function entryValue(entry: IndexEntry): AttributeValue {
  return { B: encodeEntry(entry) }
}

export function entryList(entries: readonly IndexEntry[]): AttributeValue {
  return { L: entries.map(entryValue) }
}

function blockItemKey(partition: PartitionId, baseOffset: Offset): Item {
  return itemKey(logKey(partition), blockKey(baseOffset))
}

export function encodeBlockItem(partition: PartitionId, block: Block): Item {
  return {
    ...blockItemKey(partition, block.baseOffset),
    [BLOCK_ATTRIBUTES.encoded]: { B: encodeBlock(block) },
  }
}

/** @throws RangeError when the item is no block of a version that is known */
export function decodeBlockItem(item: Item): Block {
  const encoded = item[BLOCK_ATTRIBUTES.encoded]?.B
  if (!encoded) throw missing(BLOCK_ATTRIBUTES.encoded)
  return decodeBlock(parseBlockKey(readString(item, KEY_ATTRIBUTES.sort)), encoded)
}

export function producerItemKey(partition: PartitionId, producerId: bigint): Item {
  return itemKey(logKey(partition), producerKey(producerId))
}

export function encodeProducerItem(
  partition: PartitionId,
  producerId: bigint,
  producer: FlushedProducer,
): Item {
  return {
    ...producerItemKey(partition, producerId),
    [PRODUCER_ATTRIBUTES.encoded]: { B: encodeRetired(producer) },
    [PRODUCER_ATTRIBUTES.expirySeconds]: number(Math.ceil(expiryMs(producer) / 1_000)),
  }
}

/** @throws RangeError when the item is no producer of a version that is known */
export function decodeProducerItem(item: Item): FlushedProducer {
  const encoded = item[PRODUCER_ATTRIBUTES.encoded]?.B
  if (!encoded) throw missing(PRODUCER_ATTRIBUTES.encoded)
  return decodeRetired(encoded)
}

export function topicItemKey(name: string): Item {
  return itemKey(TOPICS_KEY, name)
}

export function encodeTopicItem(topic: TopicItem): Item {
  const configs = Object.entries(topic.configs).map(([name, value]) => [name, { S: value }])
  return {
    ...topicItemKey(topic.name),
    [TOPIC_ATTRIBUTES.topicId]: { S: topic.topicId },
    [TOPIC_ATTRIBUTES.partitions]: number(topic.partitions),
    [TOPIC_ATTRIBUTES.configs]: { M: Object.fromEntries(configs) },
    [TOPIC_ATTRIBUTES.createdMs]: number(topic.createdMs),
    [TOPIC_ATTRIBUTES.state]: { S: topic.state },
    [TOPIC_ATTRIBUTES.version]: { S: topic.version },
  }
}

/** @throws RangeError when the item is no topic */
export function decodeTopicItem(item: Item): TopicItem {
  const configs = item[TOPIC_ATTRIBUTES.configs]?.M
  if (!configs) throw missing(TOPIC_ATTRIBUTES.configs)
  const state = readString(item, TOPIC_ATTRIBUTES.state)
  if (state !== 'live' && state !== 'deleting') throw new RangeError(`a topic cannot be "${state}"`)
  return {
    name: readString(item, KEY_ATTRIBUTES.sort),
    topicId: readString(item, TOPIC_ATTRIBUTES.topicId),
    partitions: readNumber(item, TOPIC_ATTRIBUTES.partitions),
    configs: Object.fromEntries(Object.keys(configs).map(name => [name, readString(configs, name)])),
    createdMs: readNumber(item, TOPIC_ATTRIBUTES.createdMs),
    state,
    version: readString(item, TOPIC_ATTRIBUTES.version),
  }
}

export function itemKey(partition: string, sort: string): Item {
  return { [KEY_ATTRIBUTES.partition]: { S: partition }, [KEY_ATTRIBUTES.sort]: { S: sort } }
}

export function number(value: number): AttributeValue {
  return { N: String(value) }
}

export function readString(item: Item, attribute: string): string {
  const value = item[attribute]?.S
  if (value === undefined) throw missing(attribute)
  return value
}

export function readNumber(item: Item, attribute: string): number {
  const value = Number(item[attribute]?.N)
  if (!Number.isSafeInteger(value)) throw missing(attribute)
  return value
}

export function missing(attribute: string): RangeError {
  return new RangeError(`an item has no attribute "${attribute}" that can be read`)
}
