import { TidemarkError } from '../errors.ts'
import {
  TOPIC_PARTITIONS_MAX,
  TRIGGER_BATCH_DEFAULT_RECORDS,
  TRIGGER_BATCH_RECORDS_MAX,
  TRIGGER_BATCHING_WINDOW_MS_MAX,
  TRIGGER_CALL_TIMEOUT_DEFAULT_MS,
  TRIGGER_CALL_TIMEOUT_MS_MAX,
  TRIGGER_DESTINATION_CHARACTERS_MAX,
  TRIGGER_RECORD_AGE_MS_MIN,
  TRIGGER_RETRY_ATTEMPTS_MAX,
  TRIGGER_RETRY_ATTEMPTS_WITH_DESTINATION,
} from '../limits.ts'
import { toWholeNumber, wholeNumberWords } from '../numbers.ts'
import { startTimeProblem } from '../times.ts'
import { checkTopicName } from '../topic/topic-name.ts'
import { compileFilters } from './filter.ts'
import type { TriggerSettings } from './trigger.ts'

/**
 * As Lambda's event sources for Kafka have it, save for the window, which is 500 ms there; and for the time-out, which
 * is the function's own there.
 */
const DEFAULTS: TriggerSettings = {
  batchSize: TRIGGER_BATCH_DEFAULT_RECORDS,
  maxBatchingWindowMs: 0,
  startingPosition: 'earliest',
  parallelism: null,
  retryAttempts: null,
  maxRecordAgeMs: null,
  bisectBatchOnError: false,
  reportBatchItemFailures: false,
  filters: [],
  onFailure: null,
  callTimeoutMs: TRIGGER_CALL_TIMEOUT_DEFAULT_MS,
}

type Check = (value: unknown, nowMs: number) => string | null

/** A setting's check tells what would be right, or null where it is. */
const CHECKS: Readonly<Record<keyof TriggerSettings, Check>> = {
  batchSize: whole(1, TRIGGER_BATCH_RECORDS_MAX, 'records'),
  maxBatchingWindowMs: whole(0, TRIGGER_BATCHING_WINDOW_MS_MAX, 'ms'),
  startingPosition,
  parallelism: orNull(whole(1, TOPIC_PARTITIONS_MAX, 'partitions at a time')),
  retryAttempts: orNull(whole(0, TRIGGER_RETRY_ATTEMPTS_MAX, 'retries')),
  maxRecordAgeMs: orNull(whole(TRIGGER_RECORD_AGE_MS_MIN, Number.MAX_SAFE_INTEGER, 'ms')),
  bisectBatchOnError: flag,
  reportBatchItemFailures: flag,
  filters: value =>
    Array.isArray(value) && value.every(filter => typeof filter === 'string')
      ? null
      : 'is a list of event patterns, each as JSON in a string',
  onFailure: orNull(destination),
  callTimeoutMs: whole(1, TRIGGER_CALL_TIMEOUT_MS_MAX, 'ms'),
}

/**
 * A trigger's settings, with defaults for what was not given.
 * @param nowMs a starting position cannot lie behind it; left out: it can lie anywhere
 * @throws TidemarkError INVALID_REQUEST where a setting is not known or out of its bounds
 */
export function checkTriggerSettings(
  given: Partial<TriggerSettings>,
  nowMs = Number.POSITIVE_INFINITY,
): TriggerSettings {
  const values: Record<string, unknown> = { ...DEFAULTS }
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(CHECKS, name)) {
      throw refusal(name, `is not known. Known are ${Object.keys(CHECKS).join(', ')}`)
    }
    if (value === undefined) continue
    const problem = CHECKS[name as keyof TriggerSettings](value, nowMs)
    if (problem !== null) throw refusal(name, `${problem}, and not ${JSON.stringify(value)}`)
    values[name] = value
  }
  const settings = values as unknown as TriggerSettings
  compileFilters(settings.filters)
  return settings
}

/**
 * How often a failing batch is tried again; null: without end. Where there is a destination for what fails, it shall
 * get there some day, as with Lambda.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/kafka-retry-configurations.html
 */
export function retriesOf(settings: Pick<TriggerSettings, 'retryAttempts' | 'onFailure'>): number | null {
  const { retryAttempts, onFailure } = settings
  return retryAttempts ?? (onFailure === null ? null : TRIGGER_RETRY_ATTEMPTS_WITH_DESTINATION)
}

function refusal(name: string, problem: string): TidemarkError {
  return new TidemarkError('INVALID_REQUEST', `A trigger's setting ${JSON.stringify(name)} ${problem}.`)
}

function whole(min: number, max: number, unit: string): Check {
  // Settings come as JSON, where a number in quotes is a text.
  return value =>
    typeof value === 'number' && toWholeNumber(value, { min, max }) !== undefined
      ? null
      : `is ${wholeNumberWords({ min, max }, unit)}`
}

function orNull(check: Check): Check {
  return (value, nowMs) => (value === null ? null : check(value, nowMs))
}

function flag(value: unknown): string | null {
  return typeof value === 'boolean' ? null : 'is true or false'
}

function startingPosition(value: unknown, nowMs: number): string | null {
  const forms = 'is "earliest", "latest" or {"timestampMs": milliseconds since the epoch}'
  if (value === 'earliest' || value === 'latest') return null
  if (typeof value !== 'object' || value === null || Object.keys(value).length !== 1) return forms
  const { timestampMs } = value as { timestampMs?: unknown }
  if (typeof timestampMs !== 'number' || toWholeNumber(timestampMs) === undefined) return forms
  const problem = startTimeProblem(timestampMs, nowMs)
  return problem === undefined ? null : `${forms}. ${timestampMs} ${problem}`
}

const DESTINATION = /^arn:[a-z0-9-]+:(?:(?:sqs|sns):[a-z0-9-]+:\d{12}:[\w.-]+|s3:::[a-z0-9.-]+)$/
/** Of use only where a process of one's own delivers. */
const FILE_DESTINATION = /^file:.+$/
const TOPIC_DESTINATION = /^tidemark:\/\/(.*)$/s

/** Whether it is there and can be written to from where deliveries run, only writing to it tells. */
function destination(value: unknown): string | null {
  const forms =
    "is the ARN of an SQS queue, an SNS topic or an S3 bucket, or 'tidemark://<topic>', or locally 'file:<path>'"
  if (typeof value !== 'string' || value.length > TRIGGER_DESTINATION_CHARACTERS_MAX) return forms
  const topic = TOPIC_DESTINATION.exec(value)?.[1]
  if (topic === undefined) return DESTINATION.test(value) || FILE_DESTINATION.test(value) ? null : forms
  try {
    checkTopicName(topic)
    return null
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error
    return `${forms} with a topic's name (${error.message})`
  }
}
