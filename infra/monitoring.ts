import { Duration } from 'aws-cdk-lib'
import type { HttpApi } from 'aws-cdk-lib/aws-apigatewayv2'
import {
  Alarm,
  ComparisonOperator,
  Dashboard,
  GraphWidget,
  type IMetric,
  Metric,
  type MetricOptions,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch'
import { Operation, type Table } from 'aws-cdk-lib/aws-dynamodb'
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda'
import { Construct } from 'constructs'

const PERIOD = Duration.minutes(5)
/** Of the newest record that the flush function has not seen; payloads wait in the table meanwhile. */
const ITERATOR_AGE_MAX = Duration.minutes(1)

interface Monitored {
  readonly api: HttpApi
  readonly table: Table
  readonly functions: Readonly<Record<'produce' | 'fetch' | 'flush' | 'rebalance' | 'admin', LambdaFunction>>
}

/** Ten alarms, which are as many as an account has for free, and a dashboard. */
export class Monitoring extends Construct {
  /** None has an action yet. */
  readonly alarms: readonly Alarm[]

  constructor(scope: Construct, id: string, { api, table, functions }: Monitored) {
    super(scope, id)
    const alarms: Alarm[] = []
    for (const [name, each] of Object.entries(functions)) {
      // Nobody but a person waits for the admin function, who sees it.
      if (name === 'admin') continue
      alarms.push(
        this.#alarmAtFirst(
          `${titleOf(name)}Errors`,
          each.metricErrors({ period: PERIOD }),
          `The ${name} function crashed or timed out. What a client did wrong does not count as an error.`,
        ),
      )
      // A member that is not answered comes again, and the API's own alarm tells of it.
      if (name === 'rebalance') continue
      alarms.push(
        this.#alarmAtFirst(
          `${titleOf(name)}Throttles`,
          each.metricThrottles({ period: PERIOD }),
          `The account has no concurrency left for the ${name} function: ask for a higher quota.`,
        ),
      )
    }
    const iteratorAge = functions.flush.metric('IteratorAge', {
      statistic: 'Maximum',
      period: Duration.minutes(1),
    })
    alarms.push(
      new Alarm(this, 'FlushIteratorAge', {
        metric: iteratorAge,
        threshold: ITERATOR_AGE_MAX.toMilliseconds(),
        evaluationPeriods: 3,
        alarmDescription:
          'The flush function falls behind: payloads stay in the table, and appends cost more.',
        treatMissingData: TreatMissingData.NOT_BREACHING,
      }),
      this.#alarmAtFirst(
        'ApiServerErrors',
        api.metricServerError({ period: PERIOD, statistic: 'Sum' }),
        'The API answered a request with a 5xx status.',
      ),
      this.#alarmAtFirst(
        'FlushFailures',
        functionMetric(table, 'flush', 'FlushFailures', { period: PERIOD }),
        'A partition cannot be flushed: its payloads stay in the table. The log of the flush function says why.',
      ),
    )
    this.alarms = alarms

    const each = (metric: (one: LambdaFunction) => IMetric) => Object.values(functions).map(metric)
    new Dashboard(this, 'Dashboard', {
      defaultInterval: Duration.hours(3),
      widgets: [
        [
          graph('Requests', [
            api.metricCount({ statistic: 'Sum' }),
            api.metricClientError({ statistic: 'Sum' }),
            api.metricServerError({ statistic: 'Sum' }),
          ]),
          graph('Latency, ms', [
            api.metricLatency({ statistic: 'p50', label: 'p50' }),
            api.metricLatency({ statistic: 'p99', label: 'p99' }),
          ]),
          graph('Flush: age of the stream, ms', [iteratorAge]),
        ],
        [
          graph(
            'Invocations',
            each(one => one.metricInvocations()),
          ),
          graph(
            'Duration p99, ms',
            each(one => one.metricDuration({ statistic: 'p99' })),
          ),
          graph('Errors and throttles', [
            ...each(one => one.metricErrors()),
            ...each(one => one.metricThrottles()),
          ]),
        ],
        [
          graph('Table: units', [
            table.metricConsumedWriteCapacityUnits({ statistic: 'Sum' }),
            table.metricConsumedReadCapacityUnits({ statistic: 'Sum' }),
          ]),
          // A partition that gets more than an item takes shows here first.
          graph('Table: throttled writes', [
            table.metricThrottledRequestsForOperations({
              operations: [Operation.UPDATE_ITEM, Operation.PUT_ITEM],
              period: PERIOD,
            }),
          ]),
          graph('Records and flushes', [
            functionMetric(table, 'produce', 'ProducedRecords'),
            functionMetric(table, 'flush', 'FlushedPartitions'),
            functionMetric(table, 'flush', 'FlushFailures'),
          ]),
        ],
      ],
    })
  }

  /** For what should never happen at all. */
  #alarmAtFirst(id: string, metric: IMetric, alarmDescription: string): Alarm {
    return new Alarm(this, id, {
      metric,
      threshold: 1,
      evaluationPeriods: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      alarmDescription,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    })
  }
}

/** What a function publishes itself, with its broker's table as a dimension: an account can have several brokers. */
function functionMetric(
  table: Table,
  service: string,
  metricName: string,
  options: MetricOptions = {},
): Metric {
  return new Metric({
    namespace: 'Tidemark',
    metricName,
    dimensionsMap: { service, broker: table.tableName },
    statistic: 'Sum',
    ...options,
  })
}

function titleOf(name: string): string {
  return name[0]!.toUpperCase() + name.slice(1)
}

function graph(title: string, left: IMetric[]): GraphWidget {
  return new GraphWidget({ title, left, width: 8, height: 6 })
}
