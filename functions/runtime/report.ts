import { MetricUnit } from '@aws-lambda-powertools/metrics'

/** The units of all metrics that functions publish; what is not here is no metric. */
export const UNITS = {
  Requests: MetricUnit.Count,
  ProducedRecords: MetricUnit.Count,
  ProducedBytes: MetricUnit.Bytes,
  FetchedBytes: MetricUnit.Bytes,
  Errors: MetricUnit.Count,
  /** Partitions that were looked at, and have nothing left that is due. */
  FlushedPartitions: MetricUnit.Count,
  FlushFailures: MetricUnit.Count,
  UnknownStreamRecords: MetricUnit.Count,
  UnfinishedScans: MetricUnit.Count,
  WakeUps: MetricUnit.Count,
  /** Records that triggers' functions have taken. */
  DeliveredRecords: MetricUnit.Count,
  FunctionCalls: MetricUnit.Count,
  FailedCalls: MetricUnit.Count,
  /** Records that were sent to a failure destination, or dropped where there is none; items of outboxes that were put aside. */
  GivenUpRecords: MetricUnit.Count,
  /** Wake-ups that have made no progress for long. */
  StalledDeliveries: MetricUnit.Count,
  /** Bytes of batches that were copied into segments of one partition, and from there into larger ones. */
  RolledBytes: MetricUnit.Bytes,
  MergedBytes: MetricUnit.Bytes,
  /** Bytes of batches that have not settled, in the partitions that were visited. */
  BacklogBytes: MetricUnit.Bytes,
  DeletedObjects: MetricUnit.Count,
  /** Epochs whose objects may still be needed by some log. */
  UndrainedEpochs: MetricUnit.Count,
  /** Partitions that can be neither flushed nor settled, or fall behind; and what of the whole store nobody sees to. */
  SettlingFailures: MetricUnit.Count,
  /** How old the oldest of what was moved out of outboxes is, or of what waits in them still. */
  LagMs: MetricUnit.Milliseconds,
  DurationMs: MetricUnit.Milliseconds,
  ColdStarts: MetricUnit.Count,
} as const

export type MetricName = keyof typeof UNITS

/** What one invocation did: numbers to add up, and words that stand beside them in the log. */
export interface Report {
  readonly metrics: Readonly<Partial<Record<MetricName, number>>>
  /** Kafka's name of the error that was answered; a dimension, so that each can be alarmed on. */
  readonly error?: string
  readonly details?: Readonly<Record<string, string | number>>
}
