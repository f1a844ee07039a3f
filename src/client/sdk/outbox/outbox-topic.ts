import type { TopicDescription } from '../../../contract/broker.ts'
import { TidemarkError } from '../../../core/errors.ts'
import { BATCH_BYTES_DEFAULT_MAX } from '../../../core/limits.ts'
import { toWholeNumber } from '../../../core/numbers.ts'
import { checkName, given, shown } from '../arguments.ts'

/** What an outbox has to know of a topic: it asks nobody. */
export interface OutboxTopic {
  topic: string
  /** A UUID, as `topic describe` tells it. */
  topicId: string
  partitions: number
  /** The topic's max.message.bytes; Kafka's default where it is left out. */
  maxMessageBytes?: number
  /** Whether its messages must have keys. */
  isCompacted?: boolean
}

/** The same of a topic that a broker has described. */
export function outboxTopicOf({ topic, topicId, partitions, configs }: TopicDescription): OutboxTopic {
  const valueIn = (name: string) => configs.find(config => config.name === name)?.value
  return {
    topic,
    topicId,
    partitions,
    maxMessageBytes: Number(valueIn('max.message.bytes') ?? BATCH_BYTES_DEFAULT_MAX),
    isCompacted: valueIn('cleanup.policy')?.includes('compact') ?? false,
  }
}

const TOPIC_ID = /^[\w-]+$/

/** @throws TidemarkError INVALID_REQUEST */
export function checkOutboxTopic(described: OutboxTopic): Required<OutboxTopic> {
  const { topic, topicId, partitions, maxMessageBytes, isCompacted = false } = given(described, 'a topic')
  checkName(topic, 'topic')
  // A # in it would lead to another topic's items.
  if (typeof topicId !== 'string' || !TOPIC_ID.test(topicId)) {
    throw new TidemarkError(
      'INVALID_REQUEST',
      `${shown(topicId)} is no id of a topic: give the one that \`topic describe ${topic}\` tells.`,
    )
  }
  const count = toWholeNumber(partitions, { min: 1 })
  const bytes = toWholeNumber(maxMessageBytes ?? BATCH_BYTES_DEFAULT_MAX, { min: 1 })
  if (count !== undefined && bytes !== undefined)
    return { topic, topicId, partitions: count, maxMessageBytes: bytes, isCompacted }
  throw new TidemarkError(
    'INVALID_REQUEST',
    `"${topic}" is said to have ${shown(partitions)} partitions, and ${shown(maxMessageBytes)} as its ` +
      'max.message.bytes: give whole numbers from 1.',
  )
}
