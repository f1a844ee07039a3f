/**
 * Tidemark's client alone: a broker behind HTTP, and record batches in and out. It brings neither a database nor
 * a server along, as the package's main entry does.
 *
 * ```ts
 * const broker = new HttpBroker({ url: 'http://127.0.0.1:8082' })
 * const batches = encodeBatch([{ value: Buffer.from('ebb') }], { nowMs: Date.now() })
 * await broker.produce({ topic: 'tides', partition: 0, batches })
 * ```
 */

export type * from '../contract/broker.ts'
export { type KafkaErrorName, TidemarkError, type Written } from '../core/errors.ts'
export { type Offset, type Position, toOffset } from '../core/numbers.ts'
export {
  type CompressionName,
  decodeBatch,
  decodeBatches,
  encodeBatch,
  type LogRecord,
  type RecordHeader,
  type RecordInput,
} from '../core/record/index.ts'
export { partitionForKey } from '../core/topic/partitioner.ts'
export { HttpBroker } from './http-broker.ts'
export type { HttpBrokerSettings, SignRequest, UnsignedRequest } from './http-transport.ts'
export { fetchLocated, type LocatedSettings } from './located.ts'
/** Producers, consumers and admins as Node's Kafka users know them. */
export { Admin, type AdminEventPayloads, type AdminOptions } from './sdk/admin.ts'
export { ConfigResourceTypes } from './sdk/admin-requests.ts'
export { Consumer } from './sdk/consuming/consumer.ts'
export type * from './sdk/consuming/consumer-options.ts'
export type { MessageBatch } from './sdk/consuming/message-batch.ts'
export type { StartPlace } from './sdk/consuming/start-place.ts'
export type { ConsumerSubscribe } from './sdk/consuming/subscription.ts'
export { NamedFailures } from './sdk/each-named.ts'
export type { InstrumentationEvent } from './sdk/listeners.ts'
export type { ConsumedMessage, Message, MessageHeaders } from './sdk/messages.ts'
export {
  Outbox,
  type OutboxDocument,
  type OutboxElement,
  type OutboxEvent,
  type OutboxOptions,
  outbox,
} from './sdk/outbox/outbox.ts'
export { type OutboxTopic, outboxTopicOf } from './sdk/outbox/outbox-topic.ts'
export { CompressionTypes } from './sdk/producing/compression-types.ts'
export type { OutgoingBatch, WrittenBatch } from './sdk/producing/outgoing-batch.ts'
export type { Delivery, ProducerPlace, ProducerWork } from './sdk/producing/partition-batches.ts'
export { Partitioners } from './sdk/producing/partitioners.ts'
export { Producer } from './sdk/producing/producer.ts'
export type {
  ProducerBatch,
  ProducerEventPayloads,
  ProducerOptions,
  ProducerRecord,
  WriterOptions,
} from './sdk/producing/producer-options.ts'
export type { RecordMetadata } from './sdk/producing/sent-records.ts'
export type { Placing, TopicWriter } from './sdk/producing/topic-writer.ts'
export type { CommittedRecords, Transaction, TransactionOffsets } from './sdk/producing/transaction.ts'
export type { RetryOptions } from './sdk/retry-options.ts'
export { Tidemark, type TidemarkOptions } from './sdk/tidemark.ts'
