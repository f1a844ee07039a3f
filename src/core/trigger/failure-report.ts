import { FAILURE_REPORT_ERROR_CHARACTERS_MAX } from '../limits.ts'
import type { Offset } from '../numbers.ts'
import { partitionKey } from './event.ts'
import type { Trigger, TriggerRecord } from './trigger.ts'

export interface FailureReport {
  readonly trigger: Pick<Trigger, 'triggerId' | 'groupId' | 'topic' | 'target'>
  readonly partition: { readonly partition: number }
  /** In order, at least one. */
  readonly records: readonly Pick<TriggerRecord, 'offset' | 'timestampMs'>[]
  readonly condition: 'RetryAttemptsExhausted' | 'RecordAgeExceeded' | 'RecordTooLarge'
  /** Calls with them that failed. */
  readonly attempts: number
  /** Of the last call, where it is known; where another deliverer made it, only its error is. */
  readonly outcome?: LastOutcome | undefined
  /** The event that failed, as JSON. */
  readonly event: string
  readonly nowMs: number
  /** Names the report where no call can. */
  readonly requestId: string
}

/** As far as a report tells of it; a CallOutcome is one. */
type LastOutcome =
  | { readonly kind: 'answered'; readonly call: CallDetails }
  | { readonly kind: 'failed'; readonly error: string; readonly call: CallDetails }
  | { readonly kind: 'not-called'; readonly error: string }

/** As far as the place that calls knows them. */
export interface CallDetails {
  readonly requestId: string
  readonly executedVersion: string
  /** What Lambda calls it: `Handled` or `Unhandled`; null where it answered. */
  readonly functionError: string | null
}

/** Lambda's word for what no event has room for. */
const CONDITIONS = {
  RetryAttemptsExhausted: 'RetryAttemptsExhausted',
  RecordAgeExceeded: 'RecordAgeExceeded',
  RecordTooLarge: 'MaximumPayloadSizeExceeded',
} as const

/**
 * The document that says which records were given up and why, as JSON: what Lambda's event sources for Kafka send, and
 * in `tidemark` what theirs have no place for.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/with-kafka-on-failure.html ("SNS and SQS example invocation
 * record").
 */
export function buildFailureReport(report: FailureReport): string {
  const { trigger, records, condition, attempts, outcome, event, nowMs } = report
  const { partition } = report.partition
  const call = outcome?.kind === 'not-called' ? undefined : outcome?.call
  const first = records[0]!
  const last = records.at(-1)!
  return JSON.stringify({
    requestContext: {
      requestId: call?.requestId || report.requestId,
      functionArn: trigger.target,
      condition: CONDITIONS[condition],
      approximateInvokeCount: attempts,
    },
    responseContext: call
      ? { statusCode: 200, executedVersion: call.executedVersion, functionError: call.functionError }
      : null,
    version: '1.0',
    timestamp: isoTime(nowMs),
    KafkaBatchInfo: {
      batchSize: records.length,
      bootstrapServers: (JSON.parse(event) as { bootstrapServers: string }).bootstrapServers,
      payloadSize: Buffer.byteLength(event),
      recordsInfo: {
        [partitionKey(trigger.topic, partition)]: {
          firstRecordOffset: `${first.offset}`,
          lastRecordOffset: `${last.offset}`,
          firstRecordTimestamp: isoTime(first.timestampMs),
          lastRecordTimestamp: isoTime(last.timestampMs),
        },
      },
    },
    tidemark: {
      triggerId: trigger.triggerId,
      groupId: trigger.groupId,
      topic: trigger.topic,
      partition,
      firstOffset: first.offset satisfies Offset,
      lastOffset: last.offset satisfies Offset,
      error: errorOf(outcome),
    },
  })
}

function errorOf(outcome: LastOutcome | undefined): string | null {
  if (outcome === undefined) return null
  if (outcome.kind === 'answered') return "the function's answer names records that failed"
  return outcome.error.slice(0, FAILURE_REPORT_ERROR_CHARACTERS_MAX).toWellFormed()
}

/** Null where a record has no timestamp (-1), or one beyond what dates can say: producers choose them. */
function isoTime(timestampMs: number): string | null {
  if (timestampMs < 0) return null
  const date = new Date(timestampMs)
  return Number.isNaN(date.getTime()) ? null : date.toISOString()
}
