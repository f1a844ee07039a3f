import { Logger } from '@aws-lambda-powertools/logger'
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics'
import { GatheredReports } from './gathered-reports.ts'
import type { Trace } from './tracing.ts'

/** The units of all metrics that functions publish; what is not here is no metric. */
const UNITS = {
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
  /** Records that were sent to a failure destination, or dropped where there is none. */
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

export interface Telemetry {
  debug(message: string, details: Readonly<Record<string, unknown>>): void
  warn(message: string, details: Readonly<Record<string, unknown>>): void
  error(message: string, details: Readonly<Record<string, unknown>>): void
  /** One line, now: its metrics in CloudWatch's embedded format with the details beside them. */
  publish(report: Report): void
  /**
   * The same of an invocation of which nothing is to be told but its numbers: with those of others in one line a minute, unless
   * every request is to have its own. CloudWatch takes more for a line than Lambda for the invocation. What came last is lost when
   * Lambda ends the process: nobody says so before.
   */
  gather(report: Report): void
  readonly trace: Trace
}

interface TelemetrySettings {
  readonly service: string
  /** The table's name, which no other broker of the account and region has: so their metrics do not add up. */
  readonly broker: string
  readonly isTraced: boolean
  readonly logsRequests?: boolean
}

/** Logs, metrics and, only where they are wanted, traces, by Powertools. */
export async function openTelemetry({
  service,
  broker,
  isTraced,
  logsRequests = false,
}: TelemetrySettings): Promise<Telemetry> {
  const logger = new Logger({ serviceName: service })
  const metricsOf = (serviceName: string) =>
    new Metrics({ namespace: 'Tidemark', serviceName, defaultDimensions: { broker } })
  const metrics = metricsOf(service)
  // Whoever finds it, one alarm tells of it.
  const settling = metricsOf('settling')
  // Loaded only then: it is as large as everything else that functions carry beside the SDK.
  const trace: Trace = isTraced ? (await import('./tracing.ts')).startTracing(service) : (_, work) => work()
  let isCold = true
  const publish = ({ metrics: { SettlingFailures = 0, ...numbers }, error, details = {} }: Report) => {
    // From here to the end nothing is awaited: other invocations use the same object.
    tellGathered()
    if (error !== undefined) metrics.addDimensions({}).addDimensions({ kafkaError: error })
    for (const [name, value] of Object.entries({ ...numbers, ...(isCold && { ColdStarts: 1 }) })) {
      metrics.addMetric(name, UNITS[name as MetricName], value)
    }
    isCold = false
    for (const [name, value] of Object.entries(details)) metrics.addMetadata(name, `${value}`)
    metrics.publishStoredMetrics()
    if (SettlingFailures === 0) return
    settling.addMetric('SettlingFailures', UNITS.SettlingFailures, SettlingFailures)
    settling.addMetadata('foundBy', service)
    settling.publishStoredMetrics()
  }
  const gathered = new GatheredReports()
  const tellGathered = () => {
    for (const [name, values] of gathered.take()) {
      for (const value of values) metrics.addMetric(name, UNITS[name], value)
    }
    // It says nothing where nothing was added.
    if (metrics.hasStoredMetrics()) metrics.publishStoredMetrics()
  }
  return {
    debug: (message, details) => logger.debug(message, details),
    warn: (message, details) => logger.warn(message, details),
    error: (message, details) => logger.error(message, details),
    trace,
    publish,
    gather: report => {
      // The first line of a process tells of its start at once.
      if (isCold || logsRequests) return publish(report)
      gathered.add(report)
      if (gathered.isDue) tellGathered()
    },
  }
}
