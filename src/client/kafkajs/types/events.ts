import type { TopicOffsets, TopicPartition } from './offsets.ts'

export interface InstrumentationEvent<T> {
  id: string
  type: string
  timestamp: number
  payload: T
}

/** Takes a listener away again. */
export type RemoveInstrumentationEventListener<_EventName> = () => void

export type ConnectEvent = InstrumentationEvent<null>
export type DisconnectEvent = InstrumentationEvent<null>

interface SentRequest {
  apiKey: number
  apiName: string
  apiVersion: number
  broker: string
  clientId: string
  correlationId: number
  createdAt: number
  pendingDuration: number
  sentAt: number
}

/** Never told. */
export type RequestEvent = InstrumentationEvent<SentRequest & { duration: number; size: number }>
/** Never told. */
export type RequestTimeoutEvent = InstrumentationEvent<SentRequest>
/** Never told. */
export type RequestQueueSizeEvent = InstrumentationEvent<{
  broker: string
  clientId: string
  queueSize: number
}>

interface NetworkEvents<Of extends string> {
  REQUEST: `${Of}.network.request`
  REQUEST_TIMEOUT: `${Of}.network.request_timeout`
  REQUEST_QUEUE_SIZE: `${Of}.network.request_queue_size`
}

interface ConnectionEvents<Of extends string> {
  CONNECT: `${Of}.connect`
  DISCONNECT: `${Of}.disconnect`
}

export type AdminEvents = ConnectionEvents<'admin'> & NetworkEvents<'admin'>

export type ProducerEvents = ConnectionEvents<'producer'> &
  NetworkEvents<'producer'> & {
    /** Tidemark's own: a batch could not be written. */
    DELIVERY_FAILED: 'producer.delivery_failed'
  }

export type ConsumerEvents = ConnectionEvents<'consumer'> &
  NetworkEvents<'consumer'> & {
    HEARTBEAT: 'consumer.heartbeat'
    COMMIT_OFFSETS: 'consumer.commit_offsets'
    GROUP_JOIN: 'consumer.group_join'
    FETCH_START: 'consumer.fetch_start'
    FETCH: 'consumer.fetch'
    START_BATCH_PROCESS: 'consumer.start_batch_process'
    END_BATCH_PROCESS: 'consumer.end_batch_process'
    STOP: 'consumer.stop'
    CRASH: 'consumer.crash'
    REBALANCING: 'consumer.rebalancing'
    RECEIVED_UNSUBSCRIBED_TOPICS: 'consumer.received_unsubscribed_topics'
    /** Tidemark's own, as those below: docs/sdk.md tells of them. */
    PARTITIONS_LOST: 'consumer.partitions_lost'
    PARTITION_DELETED: 'consumer.partition_deleted'
    POSITION_MOVED: 'consumer.position_moved'
    OUTAGE: 'consumer.outage'
  }

interface OfMember {
  groupId: string
  memberId: string
}

export type ConsumerHeartbeatEvent = InstrumentationEvent<OfMember & { groupGenerationId: number }>
export type ConsumerCommitOffsetsEvent = InstrumentationEvent<
  OfMember & { groupGenerationId: number; topics: TopicOffsets[] }
>

export interface IMemberAssignment {
  [key: string]: number[]
}

/** What it owns has changed. Nobody leads a group, so `isLeader` is false, `leaderId` empty and `duration` 0. */
export type ConsumerGroupJoinEvent = InstrumentationEvent<
  OfMember & {
    duration: number
    isLeader: boolean
    leaderId: string
    groupProtocol: string
    memberAssignment: IMemberAssignment
  }
>

export type ConsumerFetchStartEvent = InstrumentationEvent<{ nodeId: number }>
export type ConsumerFetchEvent = InstrumentationEvent<{
  numberOfBatches: number
  duration: number
  nodeId: number
}>

interface BatchFacts {
  topic: string
  partition: number
  highWatermark: string
  offsetLag: string
  offsetLagLow: string
  batchSize: number
  firstOffset: string
  lastOffset: string
}

export type ConsumerStartBatchProcessEvent = InstrumentationEvent<BatchFacts>
export type ConsumerEndBatchProcessEvent = InstrumentationEvent<BatchFacts & { duration: number }>

/** `restart`: whether it goes on all the same. */
export type ConsumerCrashEvent = InstrumentationEvent<{ error: Error; groupId: string; restart: boolean }>
export type ConsumerRebalancingEvent = InstrumentationEvent<OfMember>

/** Never told: a member is given what it subscribes to, and nothing else. */
export type ConsumerReceivedUnsubcribedTopicsEvent = InstrumentationEvent<
  OfMember & {
    generationId: number
    assignedTopics: string[]
    topicsSubscribed: string[]
    topicsNotSubscribed: string[]
  }
>

interface AnyNetworkEvent {
  request: RequestEvent
  request_timeout: RequestTimeoutEvent
  request_queue_size: RequestQueueSizeEvent
}

/** The events that the network of KafkaJS tells, under the names of one of its clients. */
type NetworkEventsOf<Of extends string> = {
  [Kind in keyof AnyNetworkEvent as `${Of}.network.${Kind}`]: AnyNetworkEvent[Kind]
}

/** Each event of an admin by its name. */
export interface AdminEventsByName extends NetworkEventsOf<'admin'> {
  'admin.connect': ConnectEvent
  'admin.disconnect': DisconnectEvent
}

/** Each event of a producer by its name. */
export interface ProducerEventsByName extends NetworkEventsOf<'producer'> {
  'producer.connect': ConnectEvent
  'producer.disconnect': DisconnectEvent
  'producer.delivery_failed': InstrumentationEvent<TopicPartition & { error: Error; records: number }>
}

/** Each event of a consumer by its name. */
export interface ConsumerEventsByName extends NetworkEventsOf<'consumer'> {
  'consumer.connect': ConnectEvent
  'consumer.disconnect': DisconnectEvent
  'consumer.heartbeat': ConsumerHeartbeatEvent
  'consumer.commit_offsets': ConsumerCommitOffsetsEvent
  'consumer.group_join': ConsumerGroupJoinEvent
  'consumer.fetch_start': ConsumerFetchStartEvent
  'consumer.fetch': ConsumerFetchEvent
  'consumer.start_batch_process': ConsumerStartBatchProcessEvent
  'consumer.end_batch_process': ConsumerEndBatchProcessEvent
  'consumer.stop': InstrumentationEvent<null>
  'consumer.crash': ConsumerCrashEvent
  'consumer.rebalancing': ConsumerRebalancingEvent
  'consumer.received_unsubscribed_topics': ConsumerReceivedUnsubcribedTopicsEvent
  'consumer.partitions_lost': InstrumentationEvent<OfMember & { partitions: TopicPartition[] }>
  'consumer.partition_deleted': InstrumentationEvent<TopicPartition>
  'consumer.position_moved': InstrumentationEvent<
    TopicPartition & { from: string; offset: string; isStart: boolean }
  >
  'consumer.outage': InstrumentationEvent<Partial<TopicPartition> & { error: Error; during: string }>
}
