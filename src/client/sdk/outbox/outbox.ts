import { TidemarkError } from '../../../core/errors.ts'
import { OUTBOX_TRANSACTION_BYTES_MAX, OUTBOX_TRANSACTION_ITEMS_MAX } from '../../../core/limits.ts'
import { OutboxKeys } from '../../../core/outbox/outbox-key.ts'
import type { CompressionName } from '../../../core/record/compression-name.ts'
import type { RecordInput } from '../../../core/record/record.ts'
import { KEY_ATTRIBUTES } from '../../../core/storage-layout.ts'
import { OUTBOX_ATTRIBUTES, outboxKey } from '../../../core/storage-outbox.ts'
import { partitionForKey, stickyPartition } from '../../../core/topic/partitioner.ts'
import { checkList, checkName, given, shown } from '../arguments.ts'
import { type Bytes, type Message, toRecord } from '../messages.ts'
import { type CompressionType, toCompressionName } from '../producing/compression-types.ts'
import type { CreatePartitioner } from '../producing/partitioners.ts'
import { outboxBatches } from './outbox-batches.ts'
import { checkOutboxTopic, type OutboxTopic } from './outbox-topic.ts'

export interface OutboxOptions {
  /** The broker's table. */
  table: string
  /** The topics that messages go to, as they are now. */
  topics: readonly OutboxTopic[]
  /** As a producer's; without one, a key's partition is the one that a producer chooses. */
  createPartitioner?: CreatePartitioner
}

/** Messages that are to be in a topic's log if, and only if, a transaction is committed. */
export interface OutboxEvent {
  topic: string
  messages: Message[]
  /** Of the messages that have none of their own. */
  key?: Bytes | null
  compression?: CompressionType | CompressionName
}

/** An attribute as the client of `@aws-sdk/client-dynamodb` has it. */
type OutboxValue = { S: string } | { N: string } | { B: Uint8Array }

/** An element of `TransactItems`. */
interface OutboxPut<Value> {
  Put: { TableName: string; Item: Record<string, Value>; ConditionExpression: string }
}

/** An element of `TransactItems` of `TransactWriteItemsCommand`, in `@aws-sdk/client-dynamodb`. */
export type OutboxElement = OutboxPut<OutboxValue>

/** An element of `TransactItems` of `TransactWriteCommand`, in `@aws-sdk/lib-dynamodb`. */
export type OutboxDocument = OutboxPut<string | number | Uint8Array>

/** What is about to be put, whatever its form. */
interface Drafted {
  readonly partitionKey: string
  readonly sortKey: string
  readonly topic: string
  readonly batch: Uint8Array
  readonly createdMs: number
}

/**
 * Makes elements for an application's own DynamoDB transactions. Whatever is committed with them is moved into the topics' logs by the
 * broker, once, and soon; what is cancelled never was. What one outbox has made and its program has committed, one after the
 * other, is in each partition in that order.
 *
 * ```ts
 * const box = outbox({ table: 'tidemark', topics: [{ topic: 'orders', topicId, partitions: 4 }] })
 * await client.send(new TransactWriteItemsCommand({
 *   TransactItems: [
 *     { Put: { TableName: 'shop', Item: order, ConditionExpression: 'attribute_not_exists(id)' } },
 *     ...box.item({ topic: 'orders', key: 'order-7', messages: [{ value: 'placed' }] }),
 *   ],
 * }))
 * ```
 */
export class Outbox {
  readonly #table: string
  readonly #topics: ReadonlyMap<string, Required<OutboxTopic>>
  readonly #partitioner: ReturnType<CreatePartitioner> | undefined
  readonly #keys = new OutboxKeys(globalThis.crypto.randomUUID().replaceAll('-', ''))
  /** Where messages without a key went last. */
  readonly #stuckTo = new Map<string, number>()

  /** @throws TidemarkError INVALID_REQUEST */
  constructor(options: OutboxOptions) {
    const { table, topics, createPartitioner } = given(options, "an outbox's options")
    checkName(table, 'table')
    checkList(topics, 'topics, each with its id and its number of partitions')
    this.#table = table
    this.#topics = new Map(topics.map(each => checkOutboxTopic(each)).map(each => [each.topic, each]))
    this.#partitioner = createPartitioner?.()
  }

  /**
   * The elements that put these messages: one for each partition among them, and more where they are many or large; none for no
   * message. Nothing is sent.
   * @throws TidemarkError MESSAGE_TOO_LARGE, RECORD_LIST_TOO_LARGE, INVALID_RECORD; UNKNOWN_TOPIC_OR_PARTITION where the outbox was
   *   not given the topic
   */
  item(event: OutboxEvent): OutboxElement[] {
    return this.#draft(event).map(({ partitionKey, sortKey, topic, batch, createdMs }) =>
      this.#put<OutboxValue>({
        [KEY_ATTRIBUTES.partition]: { S: partitionKey },
        [KEY_ATTRIBUTES.sort]: { S: sortKey },
        [OUTBOX_ATTRIBUTES.topic]: { S: topic },
        [OUTBOX_ATTRIBUTES.batch]: { B: batch },
        [OUTBOX_ATTRIBUTES.createdMs]: { N: String(createdMs) },
      }),
    )
  }

  /** As `item`, for the document client of `@aws-sdk/lib-dynamodb`. */
  documentItem(event: OutboxEvent): OutboxDocument[] {
    return this.#draft(event).map(({ partitionKey, sortKey, topic, batch, createdMs }) =>
      this.#put<string | number | Uint8Array>({
        [KEY_ATTRIBUTES.partition]: partitionKey,
        [KEY_ATTRIBUTES.sort]: sortKey,
        [OUTBOX_ATTRIBUTES.topic]: topic,
        [OUTBOX_ATTRIBUTES.batch]: batch,
        [OUTBOX_ATTRIBUTES.createdMs]: createdMs,
      }),
    )
  }

  #put<Value>(Item: Record<string, Value>): OutboxPut<Value> {
    // A transaction that comes again while its item is still there is told so. What guards it for ever is a condition of the
    // application's own: an item that was moved is gone.
    return {
      Put: {
        TableName: this.#table,
        Item,
        ConditionExpression: `attribute_not_exists(${KEY_ATTRIBUTES.partition})`,
      },
    }
  }

  #draft(event: OutboxEvent): Drafted[] {
    const { topic: name, messages, key, compression } = given(event, 'a topic and messages')
    const topic = this.#topics.get(name)
    if (!topic) {
      throw new TidemarkError(
        'UNKNOWN_TOPIC_OR_PARTITION',
        `This outbox was not given the topic ${shown(name)}: name it where the outbox is made, with its id and its partitions.`,
      )
    }
    checkList(messages, 'messages')
    const createdMs = Date.now()
    const keyed = messages.map(message =>
      key !== undefined && message?.key == null ? { ...given(message, 'a message'), key } : message,
    )
    const byPartition = this.#byPartition(topic, keyed, createdMs)
    const compressionName = toCompressionName(compression)
    const drafted = [...byPartition].flatMap(([partition, records]) =>
      outboxBatches(records, topic, compressionName).map(batch => ({
        partitionKey: outboxKey({ topicId: topic.topicId, partition }),
        sortKey: this.#keys.next(createdMs),
        topic: topic.topic,
        batch,
        createdMs,
      })),
    )
    checkSum(drafted)
    return drafted
  }

  #byPartition(
    topic: Required<OutboxTopic>,
    messages: readonly Message[],
    nowMs: number,
  ): Map<number, RecordInput[]> {
    const byPartition = new Map<number, RecordInput[]>()
    let keyless: number | undefined
    for (const message of messages) {
      const record = toRecord(message, nowMs)
      if (topic.isCompacted && record.key == null) {
        throw new TidemarkError(
          'INVALID_RECORD',
          `The topic "${topic.topic}" is compacted, and takes no message without a key: give each a key, which may be empty.`,
        )
      }
      const chosen = message.partition ?? this.#choose(topic, message)
      keyless ??= chosen === undefined ? this.#stick(topic) : undefined
      const partition = chosen ?? keyless!
      if (!Number.isInteger(partition) || partition < 0 || partition >= topic.partitions) {
        throw new TidemarkError(
          'UNKNOWN_TOPIC_OR_PARTITION',
          `Topic "${topic.topic}" has no partition ${shown(partition)}: as far as this outbox knows, its partitions are 0 to ${topic.partitions - 1}.`,
        )
      }
      const records = byPartition.get(partition)
      if (records) records.push(record)
      else byPartition.set(partition, [record])
    }
    return byPartition
  }

  /** Undefined: any. */
  #choose({ topic, partitions }: OutboxTopic, message: Message): number | undefined {
    if (this.#partitioner) {
      const partitionMetadata = Array.from({ length: partitions }, (_, partitionId) => ({ partitionId }))
      return this.#partitioner({ topic, partitionMetadata, message })
    }
    return message.key == null ? undefined : partitionForKey(Buffer.from(message.key), partitions)
  }

  /** Messages of one call without a key stay together, as those of a producer's batch do. */
  #stick({ topic, partitions }: OutboxTopic): number {
    const partition = stickyPartition(this.#stuckTo.get(topic) ?? null, partitions, Math.random())
    this.#stuckTo.set(topic, partition)
    return partition
  }
}

/** As `new Outbox`. */
export function outbox(options: OutboxOptions): Outbox {
  return new Outbox(options)
}

/** What no transaction takes is said here, where it is known why. */
function checkSum(drafted: readonly Drafted[]): void {
  const bytes = drafted.reduce((sum, { batch }) => sum + batch.length, 0)
  if (drafted.length <= OUTBOX_TRANSACTION_ITEMS_MAX && bytes <= OUTBOX_TRANSACTION_BYTES_MAX) return
  throw new TidemarkError(
    'RECORD_LIST_TOO_LARGE',
    `These messages make ${drafted.length} items of ${bytes} bytes in all; a transaction of DynamoDB takes ${OUTBOX_TRANSACTION_ITEMS_MAX} ` +
      `and ${OUTBOX_TRANSACTION_BYTES_MAX}, the application's own among them. Send fewer, or put what is large into S3 first and send its key.`,
  )
}
