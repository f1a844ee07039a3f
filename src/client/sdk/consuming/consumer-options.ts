import type { AssignorName } from '../../../contract/groups.ts'
import type { TidemarkError } from '../../../core/errors.ts'
import type { LogRecord } from '../../../core/record/record.ts'
import type { ConsumedMessage } from '../messages.ts'
import type { RetryOptions } from '../retry-options.ts'
import type { MessageBatch } from './message-batch.ts'

/** What a consumer was at when something failed. `locate`: reading bytes where they lie. */
export type ConsumerWork = 'subscribe' | 'fetch' | 'locate' | 'heartbeat' | 'deliver' | 'commit' | 'leave'

/** A consumer's settings; KafkaJS's names where it has them. All times in milliseconds. */
export interface ConsumerOptions {
  /** Left out by a consumer that assigns partitions to itself. */
  groupId?: string
  /** How long the group waits for a member that is silent; 45,000 by default. */
  sessionTimeout?: number
  /** How often it says that it is there; as often as the broker asks for unless it is set. */
  heartbeatInterval?: number
  /** Makes a static member: one that comes back within the session time-out gets what it had, and nothing moves. */
  groupInstanceId?: string
  /** How the group shares partitions out: cooperative-sticky by default. */
  assignor?: AssignorName
  /** Of one fetch, in bytes: 1 MiB by default. */
  maxBytesPerPartition?: number
  /** 1 by default. */
  minBytes?: number
  /** What is fetched ahead of delivery over all partitions, in bytes; 1 MiB by default. */
  maxBytes?: number
  /** The same in records; 10,000 by default. 0: more of a partition is fetched once all that came before is delivered. */
  maxRecords?: number
  /** How long a fetch at the end of a partition waits, beside `requestTimeout`; 5,000 by default. */
  maxWaitTimeInMs?: number
  /** Look-ups of where partitions begin, at the same time; 16 by default. Fetches are one request. */
  maxInFlightRequests?: number
  /** Whether bytes are read where they lie, past the broker, where it can tell; not unless it is set. */
  located?: boolean
  /** Of a message that the handler failed at, and of requests. */
  retry?: RetryOptions
  /** How long one request may take, beside what a fetch waits; 30,000 by default. A heartbeat: a part of its session. */
  requestTimeout?: number
  /** How long requests may go on failing before that ends the consumer; for ever unless it is set. */
  giveUpAfter?: number
  /** How often `assign` with `follow` looks for new partitions; 30,000 by default. */
  metadataMaxAge?: number
  /** Taken for KafkaJS's sake. */
  allowAutoTopicCreation?: boolean
  rebalanceTimeout?: number
  readUncommitted?: boolean
  rackId?: string
}

export const CONSUMER_NUMBERS = {
  sessionTimeout: { min: 1 },
  heartbeatInterval: { min: 1 },
  maxBytesPerPartition: { min: 1 },
  minBytes: {},
  maxBytes: { min: 1 },
  maxRecords: {},
  maxWaitTimeInMs: {},
  maxInFlightRequests: { min: 1 },
  giveUpAfter: {},
  metadataMaxAge: {},
  requestTimeout: { min: 1 },
}

export const RUN_NUMBERS = {
  recordsMax: {},
  autoCommitInterval: {},
  autoCommitThreshold: { min: 1 },
  partitionsConsumedConcurrently: { min: 1 },
}

/** Where a run ends by itself, if it does. */
export interface RunLimits {
  /**
   * Where each partition's reading ends: at the first record not to deliver. A partition that is not named has nothing
   * to deliver. The run is over when all that it owns is at its end, and the group has nothing else for it.
   */
  stopOffsets?: TopicPartitionOffset[]
  /** The run is over after so many records. */
  recordsMax?: number
}

export interface ConsumerRun extends RunLimits {
  /** Whether what was consumed is committed by itself; it is unless this is false. */
  autoCommit?: boolean
  /** How often, in milliseconds; 5,000 by default, as in Kafka's own client. null: only by the threshold. */
  autoCommitInterval?: number | null
  /** After so many messages. */
  autoCommitThreshold?: number | null
  /**
   * Awaited before what was consumed is committed, such as until an output's buffer is empty. `false`, or a failure:
   * it is not committed.
   */
  beforeCommit?: () => Promise<boolean | undefined>
  /** Whether a batch that the handler got through counts as consumed whole; it does unless this is false. */
  eachBatchAutoResolve?: boolean
  /** Partitions that the handler is called for at the same time; 1 by default. */
  partitionsConsumedConcurrently?: number
  eachMessage?: (payload: EachMessagePayload) => Promise<void>
  /** Called with what was fetched, up to 10,000 messages or 4 MiB, and one that is larger: no more is unpacked. */
  eachBatch?: (payload: EachBatchPayload) => Promise<void>
  /** Called with records as they are, and with one batch of the log at a time, or a portion of a large one: no more is unpacked. */
  eachRecords?: (payload: EachRecordsPayload) => Promise<void>
}

export interface EachRecordsPayload {
  topic: string
  partition: number
  /** In a group: under which ownership it was read. It grows with every owner that the partition has. */
  generation?: number
  /** In order, at least one. */
  records: readonly LogRecord[]
}

export interface EachMessagePayload {
  topic: string
  partition: number
  message: ConsumedMessage
  /** Does nothing: heartbeats go on by themselves. */
  heartbeat(): Promise<void>
  /** Pauses this partition. @returns what resumes it */
  pause(): () => void
}

export interface EachBatchPayload {
  batch: MessageBatch
  /** Counts the message with this offset, and those before it, as consumed. */
  resolveOffset(offset: string): void
  /** Does nothing: heartbeats go on by themselves. */
  heartbeat(): Promise<void>
  /** Pauses this partition. @returns what resumes it */
  pause(): () => void
  /** Commits what is given, or else what was consumed if it is time for that. */
  commitOffsetsIfNecessary(offsets?: TopicsOffsets): Promise<void>
  uncommittedOffsets(): TopicsOffsets
  /** Whether to go on: the consumer runs, and the partition is not to be given up. */
  isRunning(): boolean
  /** Whether what is left of the batch is of no use: somebody has moved the consumer elsewhere in the partition. */
  isStale(): boolean
}

export interface TopicsOffsets {
  topics: { topic: string; partitions: { partition: number; offset: string }[] }[]
}

export interface TopicPartitionOffset {
  topic: string
  partition: number
  /** In digits. */
  offset: string
  metadata?: string | null
  /** For `assign`: which topic is meant, where another may be made under its name meanwhile. Asked for unless it is given. */
  topicId?: string
}

/** Partitions of a topic; all of them where none are named. */
export interface TopicPartitions {
  topic: string
  partitions?: number[]
}

/** A message and where it came from: what a loop over a consumer gets. */
export interface ConsumedRecord extends ConsumedMessage {
  topic: string
  partition: number
}

/** KafkaJS's names of what a consumer tells. */
export const CONSUMER_EVENTS = {
  HEARTBEAT: 'consumer.heartbeat',
  COMMIT_OFFSETS: 'consumer.commit_offsets',
  GROUP_JOIN: 'consumer.group_join',
  FETCH_START: 'consumer.fetch_start',
  FETCH: 'consumer.fetch',
  START_BATCH_PROCESS: 'consumer.start_batch_process',
  END_BATCH_PROCESS: 'consumer.end_batch_process',
  CONNECT: 'consumer.connect',
  DISCONNECT: 'consumer.disconnect',
  STOP: 'consumer.stop',
  CRASH: 'consumer.crash',
  REBALANCING: 'consumer.rebalancing',
  // And those that KafkaJS has not.
  PARTITIONS_LOST: 'consumer.partitions_lost',
  PARTITION_DELETED: 'consumer.partition_deleted',
  POSITION_MOVED: 'consumer.position_moved',
  OUTAGE: 'consumer.outage',
  OUTAGE_OVER: 'consumer.outage_over',
  WAITING: 'consumer.waiting',
} as const

interface OfMember {
  groupId: string
  memberId: string
}

/** How far a partition was consumed when it was lost. */
export interface LostPartition {
  topic: string
  partition: number
  /** The next record to deliver, in digits; null: nothing was read of it yet. */
  position: string | null
  /** What this member committed of it, or began at; null: nothing. Records from here to `position` are delivered again. */
  committed: string | null
}

interface BatchFacts {
  topic: string
  partition: number
  highWatermark: string
  offsetLag: string
  offsetLagLow: string
  batchSize: number
  firstOffset: string | null
  lastOffset: string
}

/** What each event of a consumer says. */
export interface ConsumerEventPayloads {
  'consumer.heartbeat': OfMember & { groupGenerationId: number }
  'consumer.commit_offsets': OfMember & { groupGenerationId: number } & TopicsOffsets
  /** What it owns has changed. */
  'consumer.group_join': OfMember & {
    groupGenerationId: number
    memberAssignment: Record<string, number[]>
    groupProtocol: string
    isLeader: boolean
    leaderId: string
    duration: number
  }
  'consumer.fetch_start': { nodeId: number }
  'consumer.fetch': { numberOfBatches: number; duration: number; nodeId: number }
  'consumer.start_batch_process': BatchFacts
  'consumer.end_batch_process': BatchFacts & { duration: number }
  'consumer.connect': null
  'consumer.disconnect': null
  'consumer.stop': null
  /** `restart`: whether it goes on all the same. */
  'consumer.crash': { error: Error; groupId: string; restart: boolean; during: ConsumerWork }
  'consumer.rebalancing': OfMember
  /** Others may have them by now: what was consumed of them and not committed is delivered again. */
  'consumer.partitions_lost': OfMember & { partitions: LostPartition[] }
  /** Nothing more comes of it. */
  'consumer.partition_deleted': { topic: string; partition: number }
  /** There was no record at the position, and it goes on elsewhere. `isStart`: it was that of `subscribe`. */
  'consumer.position_moved': TopicPartitionOffset & { from: string; isStart: boolean }
  /** Something failed that is tried again: told once, until it succeeds. */
  'consumer.outage': { error: TidemarkError; during: ConsumerWork; topic?: string; partition?: number }
  /** What an OUTAGE told of works again. `duration` in milliseconds. */
  'consumer.outage_over': { during: ConsumerWork; duration: number; topic?: string; partition?: number }
  /** How it waits for records from now on: woken by its broker, or asking again and again; `reason`: why it is not woken any more. */
  'consumer.waiting': { how: 'woken' | 'polls'; reason?: Error }
}
