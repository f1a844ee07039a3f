import { type Duration, Token } from 'aws-cdk-lib'
import * as lambda from 'aws-cdk-lib/aws-lambda'
import type * as sources from 'aws-cdk-lib/aws-lambda-event-sources'
import { startTimeProblem } from '../src/core/times.ts'
import { checkTriggerSettings } from '../src/core/trigger/settings.ts'
import type { TriggerSettings } from '../src/core/trigger/trigger.ts'
import type { TopicDestination } from './topic-destination.ts'

/** The names and the defaults are those of CDK's own event sources for Kafka and Kinesis. */
export interface TidemarkEventSourceProps {
  /**
   * The consumer group in whose name offsets are committed; it is this event source's alone. A new name makes a new
   * group, which begins at its starting position. Default: from the function's path in the app.
   */
  readonly groupId?: string
  /** Records in one event, 1 to 10,000. Default: 100. */
  readonly batchSize?: number
  /** How long records wait for others to share their event, up to 5 minutes. Default: not at all. */
  readonly maxBatchingWindow?: Duration
  /** Where a partition begins in which the group has committed nothing yet. */
  readonly startingPosition: lambda.StartingPosition
  /** With `StartingPosition.AT_TIMESTAMP`: the time, in Unix time seconds. */
  readonly startingPositionTimestamp?: number
  /** How many partitions are delivered at the same time, at most. Default: all of them. */
  readonly parallelism?: number
  /** How often a failing batch is tried again; -1: without end. Default: -1; with `onFailure`: 10. */
  readonly retryAttempts?: number
  /** Records that are older are given up. Default: however old, none is. */
  readonly maxRecordAge?: Duration
  /** Halves a failing batch until what is at fault stands alone. Default: false. */
  readonly bisectBatchOnError?: boolean
  /** Lets the function's answer name what failed (`batchItemFailures`). Default: false. */
  readonly reportBatchItemFailures?: boolean
  /** Made with `FilterCriteria.filter`. A record passes that fits one of them. Default: all records pass. */
  readonly filters?: readonly Readonly<Record<string, unknown>>[]
  /** Where records go that are given up. Default: nowhere, they are dropped. */
  readonly onFailure?: sources.SqsDlq | sources.SnsDlq | sources.S3OnFailureDestination | TopicDestination
  /** false: made, but paused. Default: true. */
  readonly enabled?: boolean
}

/**
 * The settings that a template carries: without the destination, which may be known only when it is deployed.
 * @param callTimeoutMs how long one call of the function may take
 * @throws TidemarkError or Error for what cannot be
 */
export function settingsOf(props: TidemarkEventSourceProps, callTimeoutMs: number): Partial<TriggerSettings> {
  const { batchSize, parallelism, retryAttempts, bisectBatchOnError, reportBatchItemFailures } = props
  const settings: Partial<TriggerSettings> = {
    callTimeoutMs,
    startingPosition: startingPositionOf(props),
    ...(batchSize !== undefined && { batchSize }),
    ...(props.maxBatchingWindow && { maxBatchingWindowMs: props.maxBatchingWindow.toMilliseconds() }),
    ...(parallelism !== undefined && { parallelism }),
    ...(retryAttempts !== undefined && retryAttempts !== -1 && { retryAttempts }),
    ...(props.maxRecordAge && { maxRecordAgeMs: props.maxRecordAge.toMilliseconds() }),
    ...(bisectBatchOnError !== undefined && { bisectBatchOnError }),
    ...(reportBatchItemFailures !== undefined && { reportBatchItemFailures }),
    ...(props.filters && { filters: props.filters.map(patternOf) }),
  }
  if (Token.isUnresolved(settings)) {
    throw new Error(
      'An event source is checked before it is deployed: give its numbers and texts as they are.',
    )
  }
  checkTriggerSettings(settings, Date.now())
  return settings
}

function startingPositionOf({
  startingPosition,
  startingPositionTimestamp: timestampSeconds,
}: TidemarkEventSourceProps): TriggerSettings['startingPosition'] {
  const isAtTime = startingPosition === lambda.StartingPosition.AT_TIMESTAMP
  if (isAtTime !== (timestampSeconds !== undefined)) {
    throw new Error(
      'startingPosition AT_TIMESTAMP and startingPositionTimestamp go together: give both, or neither.',
    )
  }
  if (timestampSeconds !== undefined) {
    const problem = startTimeProblem(timestampSeconds, Date.now(), 'seconds')
    if (problem !== undefined) throw new Error(`startingPositionTimestamp ${timestampSeconds} ${problem}.`)
    return { timestampMs: Math.round(timestampSeconds * 1_000) }
  }
  return startingPosition === lambda.StartingPosition.LATEST ? 'latest' : 'earliest'
}

function patternOf(filter: Readonly<Record<string, unknown>>): string {
  if (typeof filter.pattern === 'string') return filter.pattern
  throw new Error('Make each filter with FilterCriteria.filter(…).')
}
