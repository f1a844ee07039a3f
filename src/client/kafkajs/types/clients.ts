import type {
  AdminEvents,
  AdminEventsByName,
  ConsumerEvents,
  ConsumerEventsByName,
  ProducerEvents,
  ProducerEventsByName,
  RemoveInstrumentationEventListener,
} from './events.ts'
import type { GroupDescription } from './groups.ts'
import type { Logger } from './logging.ts'
import type { Batch, KafkaMessage, ProducerBatch, ProducerRecord, RecordMetadata } from './messages.ts'
import type {
  Offsets,
  OffsetsByTopicPartition,
  TopicPartitionOffset,
  TopicPartitionOffsetAndMetadata,
  TopicPartitions,
} from './offsets.ts'
import type { TopicsAdmin } from './topics.ts'

/** Listens to a client's events, by their names. */
interface Listening<EventsByName> {
  on<Name extends keyof EventsByName>(
    eventName: Name,
    listener: (event: EventsByName[Name]) => void,
  ): RemoveInstrumentationEventListener<Name>
}

interface Client {
  /** There is no connection to be made. */
  connect(): Promise<void>
  disconnect(): Promise<void>
  logger(): Logger
}

export interface Producer extends Client, Listening<ProducerEventsByName> {
  readonly events: ProducerEvents
  send(record: ProducerRecord): Promise<RecordMetadata[]>
  sendBatch(batch: ProducerBatch): Promise<RecordMetadata[]>
  isIdempotent(): boolean
  /** Of one producer there is one at a time. */
  transaction(): Promise<Transaction>
}

/** Records and offsets, all or nothing. `send` tells no offsets: they are known once it is committed. */
export interface Transaction {
  send(record: ProducerRecord): Promise<RecordMetadata[]>
  sendBatch(batch: ProducerBatch): Promise<RecordMetadata[]>
  sendOffsets(offsets: Offsets & { consumerGroupId: string }): Promise<void>
  commit(): Promise<void>
  abort(): Promise<void>
  isActive(): boolean
}

export interface EachMessagePayload {
  topic: string
  partition: number
  message: KafkaMessage
  /** Does nothing: heartbeats go on by themselves. */
  heartbeat(): Promise<void>
  /** Pauses this partition. @returns what resumes it */
  pause(): () => void
}

export interface EachBatchPayload {
  batch: Batch
  /** Counts the message with this offset, and those before it, as consumed. */
  resolveOffset(offset: string): void
  /** Does nothing: heartbeats go on by themselves. */
  heartbeat(): Promise<void>
  /** Pauses this partition. @returns what resumes it */
  pause(): () => void
  commitOffsetsIfNecessary(offsets?: Offsets): Promise<void>
  uncommittedOffsets(): OffsetsByTopicPartition
  isRunning(): boolean
  isStale(): boolean
}

export type ConsumerEachMessagePayload = EachMessagePayload
export type ConsumerEachBatchPayload = EachBatchPayload
export type EachMessageHandler = (payload: EachMessagePayload) => Promise<void>
export type EachBatchHandler = (payload: EachBatchPayload) => Promise<void>

export type ConsumerRunConfig = {
  autoCommit?: boolean
  /** In milliseconds; 5,000 unless this or the threshold is set. */
  autoCommitInterval?: number | null
  autoCommitThreshold?: number | null
  eachBatchAutoResolve?: boolean
  partitionsConsumedConcurrently?: number
  eachBatch?: EachBatchHandler
  eachMessage?: EachMessageHandler
}

export type ConsumerSubscribeTopic = { topic: string | RegExp; fromBeginning?: boolean }
export type ConsumerSubscribeTopics = { topics: (string | RegExp)[]; fromBeginning?: boolean }

export interface Consumer extends Client, Listening<ConsumerEventsByName> {
  readonly events: ConsumerEvents
  subscribe(subscription: ConsumerSubscribeTopics | ConsumerSubscribeTopic): Promise<void>
  stop(): Promise<void>
  run(config?: ConsumerRunConfig): Promise<void>
  commitOffsets(topicPartitions: TopicPartitionOffsetAndMetadata[]): Promise<void>
  seek(topicPartitionOffset: TopicPartitionOffset): void
  describeGroup(): Promise<GroupDescription>
  pause(topics: { topic: string; partitions?: number[] }[]): void
  paused(): TopicPartitions[]
  resume(topics: { topic: string; partitions?: number[] }[]): void
}

export interface Admin extends Client, Listening<AdminEventsByName>, TopicsAdmin {
  readonly events: AdminEvents
}
