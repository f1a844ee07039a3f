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

export type { Finding, VerifySummary } from './broker/verifying/finding.ts'
/**
 * The client: a broker somewhere else, over HTTP; what a broker does; record batches in and out; errors in Kafka's words;
 * and producers, consumers and admins as Node's Kafka users know them.
 */
export * from './client/index.ts'
/** Any broker's HTTP form, and a server for it. A UrlSigner lets it hand out URLs for parts of objects. */
export { createHttpApp } from './contract/http/app.ts'
export type {
  HttpApp,
  HttpLogger,
  HttpPorts,
  HttpSettings,
  LocatedObjects,
} from './contract/http/settings.ts'
export { UrlSigner, type UrlSignerSettings } from './contract/http/trust/signed-url.ts'
/** Memory that one fetch after the other is answered in, for whoever reads much in this process and keeps nothing of it. */
export { type LentMemory, MemoryPool } from './core/lent-memory.ts'
/** A broker in this process: on a directory, or in memory. */
export {
  type DirectoryOptions,
  type Embedded,
  type EmbeddedOptions,
  openEmbedded,
  openInMemory,
} from './embedded/embedded.ts'
export { type HttpServer, type HttpServerSettings, startHttpServer } from './embedded/http-server.ts'
export type { OutboxPutElement } from './embedded/outbox/read-element.ts'
export {
  type RunningOutboxes,
  type RunOutboxesOptions,
  runOutboxes,
} from './embedded/outbox/run-outboxes.ts'
/** Functions of this process that get the records of topics, as deployed triggers call Lambda functions. */
export type {
  HandlerContext,
  KafkaEvent,
  KafkaEventRecord,
  TriggerHandler,
} from './embedded/triggers/function-handler.ts'
export {
  type FunctionTrigger,
  type RunningTriggers,
  type RunTriggersOptions,
  runTriggers,
} from './embedded/triggers/run-triggers.ts'
export type { TriggerNews } from './embedded/triggers/trigger-news.ts'
export { openListeners } from './embedded/waking/open-listeners.ts'
/** Whether a store can do what is asked of it. */
export type { StoreHealth } from './ports/store-health.ts'
