/**
 * Tidemark as a library. A broker in this process, a broker behind HTTP, and Kafka's record batches between you
 * and either:
 *
 * ```ts
 * const { broker, close } = await openEmbedded({ directory: '.tidemark' })
 * await broker.createTopic({ topic: 'tides' })
 * const batches = encodeBatch([{ value: Buffer.from('ebb') }], { nowMs: Date.now() })
 * await broker.produce({ topic: 'tides', partition: 0, batches })
 * const { chunks } = await broker.fetch({ topic: 'tides', partition: 0, offset: toOffset(0) })
 * for (const record of chunks.flatMap(decodeBatches)) console.log(record.offset, record.value)
 * await close()
 * ```
 */

export type { Finding, VerifySummary } from './broker/verify.ts'
/** A broker somewhere else, over HTTP; and a reader of what its `locate` found. */
export { HttpBroker, type HttpBrokerSettings } from './client/http-broker.ts'
export { fetchLocated, type LocatedSettings } from './client/located.ts'
/** Producers, consumers and admins as Node's Kafka users know them. */
export { Admin, type AdminEventPayloads, type AdminOptions, ConfigResourceTypes } from './client/sdk/admin.ts'
export { CompressionTypes } from './client/sdk/compression-types.ts'
export { Consumer } from './client/sdk/consumer.ts'
export type * from './client/sdk/consumer-options.ts'
export type { InstrumentationEvent } from './client/sdk/listeners.ts'
export type { MessageBatch } from './client/sdk/message-batch.ts'
export type { ConsumedMessage, Message, MessageHeaders } from './client/sdk/messages.ts'
export { Partitioners } from './client/sdk/partitioners.ts'
export {
  Producer,
  type ProducerBatch,
  type ProducerEventPayloads,
  type ProducerOptions,
  type ProducerRecord,
  type RecordMetadata,
} from './client/sdk/producer.ts'
export type { RetryOptions } from './client/sdk/retry-options.ts'
export type { ConsumerSubscribe } from './client/sdk/subscription.ts'
export { Tidemark, type TidemarkOptions } from './client/sdk/tidemark.ts'
/** What a broker does, wherever it is. */
export type * from './contract/broker.ts'
/** Any broker's HTTP form, and a server for it. A UrlSigner lets it hand out URLs for parts of objects. */
export { createHttpApp } from './contract/http/app.ts'
export type {
  HttpApp,
  HttpLogger,
  HttpPorts,
  HttpSettings,
  LocatedObjects,
} from './contract/http/settings.ts'
export { UrlSigner, type UrlSignerSettings } from './contract/http/signed-url.ts'
/** What goes wrong, in Kafka's words: whether to retry, and what became of the records. */
export { type KafkaErrorName, TidemarkError, type Written } from './core/errors.ts'
/** Where a key goes, the same as with every Kafka client. */
export { partitionForKey } from './core/log/partitioner.ts'
/** Offsets are numbers that cannot be mixed up with others: `toOffset(0)` makes one. */
export { type Offset, type Position, toOffset } from './core/numbers.ts'
/** Records in and out of Kafka's RecordBatch, magic 2. */
export {
  type CompressionName,
  decodeBatch,
  decodeBatches,
  encodeBatch,
  type LogRecord,
  type RecordHeader,
  type RecordInput,
} from './core/record/index.ts'
/** A broker in this process: on a directory, or in memory. */
export { type Embedded, type EmbeddedOptions, openEmbedded, openInMemory } from './embedded/embedded.ts'
export { type HttpServer, type HttpServerSettings, startHttpServer } from './embedded/http-server.ts'
