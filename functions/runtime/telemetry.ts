import { Logger } from '@aws-lambda-powertools/logger'
import { Metrics } from '@aws-lambda-powertools/metrics'
import { GatheredReports } from './gathered-reports.ts'
import { type Report, unitOf } from './report.ts'
import type { Trace } from './tracing.ts'

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
      metrics.addMetric(name, unitOf(name), value)
    }
    isCold = false
    for (const [name, value] of Object.entries(details)) metrics.addMetadata(name, `${value}`)
    metrics.publishStoredMetrics()
    if (SettlingFailures === 0) return
    settling.addMetric('SettlingFailures', unitOf('SettlingFailures'), SettlingFailures)
    settling.addMetadata('foundBy', service)
    settling.publishStoredMetrics()
  }
  const gathered = new GatheredReports()
  const tellGathered = () => {
    for (const [name, values] of gathered.take()) {
      for (const value of values) metrics.addMetric(name, unitOf(name), value)
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
