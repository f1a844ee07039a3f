/**
 * KafkaJS's names, on Tidemark. A program written for KafkaJS 2 changes where it imports from, and its `brokers`:
 * docs/from-kafkajs.md says of each name whether it does here what it did there.
 *
 * ```ts
 * import { Kafka, type EachMessagePayload, logLevel } from 'tidemark/kafkajs'
 *
 * const kafka = new Kafka({ clientId: 'gauges', brokers: ['http://127.0.0.1:8082'] })
 * ```
 */

export {
  AssignerProtocol,
  type ISerializer,
  type MemberAssignment,
  type MemberMetadata,
} from './assigner-protocol.ts'
export { CompressionTypes, ConfigResourceTypes, ConfigSource, logLevel } from './enumerations.ts'
export {
  KafkaJSAggregateError,
  KafkaJSConnectionError,
  KafkaJSCreateTopicError,
  KafkaJSDeleteGroupsError,
  KafkaJSDeleteTopicRecordsError,
  KafkaJSError,
  KafkaJSNonRetriableError,
  KafkaJSNotImplemented,
  KafkaJSNumberOfRetriesExceeded,
  KafkaJSOffsetOutOfRange,
  KafkaJSProtocolError,
  KafkaJSSASLAuthenticationError,
} from './errors.ts'
export * from './errors-never-thrown.ts'
export { CompressionCodecs, Kafka, PartitionAssigners } from './kafka.ts'
export { Partitioners } from './partitioners.ts'
export type * from './types/clients.ts'
export type * from './types/configuration.ts'
export type * from './types/events.ts'
export type * from './types/groups.ts'
export type * from './types/logging.ts'
export type * from './types/messages.ts'
export type * from './types/offsets.ts'
export type * from './types/topics.ts'
