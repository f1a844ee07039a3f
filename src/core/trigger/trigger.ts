import type { LogRecord } from '../record/record.ts'
import type { PartitionId } from '../topic/partition-id.ts'

/**
 * A function that is to get the records of one topic, in the name of a consumer group. The group is the trigger's
 * alone: nobody else is a member. There is one trigger for a group and a topic.
 */
export interface Trigger {
  /** Random, and new for one that is made again after a removal. */
  readonly triggerId: string
  readonly groupId: string
  readonly topic: string
  /** What is called: a Lambda function's ARN, or what else the place that delivers knows it by. */
  readonly target: string
  readonly state: 'active' | 'paused'
  readonly settings: TriggerSettings
  readonly createdMs: number
  /** Grows with every change; what changes are conditional on. */
  readonly version: number
}

/** The names are those of Lambda's event sources; so are the defaults, see `settings.ts`. */
export interface TriggerSettings {
  /** Records in one event at most. An event is also as large as a call may be. */
  readonly batchSize: number
  /** How long records wait for others to share their event. 0: not at all. */
  readonly maxBatchingWindowMs: number
  /** Where a partition begins in which the group has committed nothing. */
  readonly startingPosition: StartingPosition
  /** Partitions that are delivered at the same time at most; null: all of them. Those that share a lane wait for each other. */
  readonly parallelism: number | null
  /** How often a failing batch is tried again; null: without end. */
  readonly retryAttempts: number | null
  /** Records whose timestamps are older are given up; null: however old. */
  readonly maxRecordAgeMs: number | null
  /** Whether a failing batch is halved until what is at fault stands alone. */
  readonly bisectBatchOnError: boolean
  /** Whether the function's answer may name what failed (`batchItemFailures`). */
  readonly reportBatchItemFailures: boolean
  /** EventBridge patterns, as JSON. A record passes that fits one of them; with none, all do. */
  readonly filters: readonly string[]
  /** Where to tell of what is given up: the ARN of a queue, a topic of SNS or a bucket, or `tidemark://<topic>`; null: nowhere. */
  readonly onFailure: string | null
  /** How long one call of the target may take. */
  readonly callTimeoutMs: number
}

export type StartingPosition = 'earliest' | 'latest' | { readonly timestampMs: number }

/** A record on its way to a function. */
export interface TriggerRecord extends LogRecord {
  readonly timestampType: 'CREATE_TIME' | 'LOG_APPEND_TIME'
}

/** Says that one partition may have something for a trigger. Losing one delays, and nothing more. */
export interface WakeUp {
  readonly triggerId: string
  readonly groupId: string
  readonly topic: string
  readonly partition: PartitionId
}

/** No member's id begins so. */
export const TRIGGER_OWNER_PREFIX = 'trigger-'

/** The owner that claims of a trigger's group name: no member has such an id, since it is no member's to choose. */
export function triggerOwner(triggerId: string): string {
  return `${TRIGGER_OWNER_PREFIX}${triggerId}`
}
