import { MetricUnit } from '@aws-lambda-powertools/metrics'

/** All metrics that functions publish; what is not here is none. What they count in stands last in their names. */
export type MetricName =
  | 'Requests'
  | 'ProducedRecords'
  | 'ProducedBytes'
  | 'FetchedBytes'
  | 'Errors'
  /** Partitions that were looked at, and have nothing left that is due. */
  | 'FlushedPartitions'
  | 'FlushFailures'
  | 'UnknownStreamRecords'
  | 'UnfinishedScans'
  | 'WakeUps'
  /** Records that triggers' functions have taken. */
  | 'DeliveredRecords'
  | 'FunctionCalls'
  | 'FailedCalls'
  /** Records that were sent to a failure destination, or dropped where there is none; items of outboxes that were put aside. */
  | 'GivenUpRecords'
  /** Wake-ups that have made no progress for long. */
  | 'StalledDeliveries'
  /** Bytes of batches that were copied into segments of one partition, and from there into larger ones. */
  | 'RolledBytes'
  | 'MergedBytes'
  /** Bytes of batches that have not settled, in the partitions that were visited. */
  | 'BacklogBytes'
  | 'DeletedObjects'
  /** Epochs whose objects may still be needed by some log. */
  | 'UndrainedEpochs'
  /** Partitions that can be neither flushed nor settled, or fall behind; and what of the whole store nobody sees to. */
  | 'SettlingFailures'
  /** How old the oldest of what was moved out of outboxes is, or of what waits in them still. */
  | 'LagMs'
  | 'DurationMs'
  | 'ColdStarts'

/** By the end of the metric's name: a table of all of them would be half a KB in every bundle. */
export function unitOf(name: string): 'Bytes' | 'Milliseconds' | 'Count' {
  if (name.endsWith('Bytes')) return MetricUnit.Bytes
  return name.endsWith('Ms') ? MetricUnit.Milliseconds : MetricUnit.Count
}

/** What one invocation did: numbers to add up, and words that stand beside them in the log. */
export interface Report {
  readonly metrics: Readonly<Partial<Record<MetricName, number>>>
  /** Kafka's name of the error that was answered; a dimension, so that each can be alarmed on. */
  readonly error?: string
  readonly details?: Readonly<Record<string, string | number>>
}
