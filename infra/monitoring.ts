import { Duration } from 'aws-cdk-lib'
import type * as apigateway from 'aws-cdk-lib/aws-apigatewayv2'
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch'
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb'
import type * as lambda from 'aws-cdk-lib/aws-lambda'
import { Construct } from 'constructs'
import { ALARM_PERIOD, ITERATOR_AGE_MAX, iteratorAge, makeAlarm, ownMetric } from './alarms.ts'

interface Monitored {
  readonly api: apigateway.HttpApi
  readonly table: dynamodb.Table
  /** For how long a change may wait with nothing amiss. */
  readonly flushWindow: Duration
  readonly functions: Readonly<
    Record<'produce' | 'fetch' | 'flush' | 'maintain' | 'rebalance' | 'admin', lambda.Function>
  >
}

/** Ten alarms, which are as many as an account has for free, and a dashboard. */
export class Monitoring extends Construct {
  /** None has an action yet. */
  readonly alarms: readonly cloudwatch.Alarm[]

  constructor(scope: Construct, id: string, { api, table, functions, flushWindow }: Monitored) {
    super(scope, id)
    const alarms: cloudwatch.Alarm[] = []
    const add = (
      name: string,
      metric: cloudwatch.IMetric,
      meaning: string,
      more: { threshold?: number; evaluationPeriods?: number } = {},
    ) => alarms.push(makeAlarm(this, name, { metric, meaning, ...more }))
    const period = ALARM_PERIOD
    for (const [name, each] of Object.entries(functions)) {
      // Nobody but a person waits for the admin function, who sees it; what the maintain function leaves is told as failures.
      if (name === 'admin' || name === 'maintain') continue
      add(
        `${titleOf(name)}Errors`,
        each.metricErrors({ period }),
        `The ${name} function crashed or timed out. What a client did wrong does not count as an error.`,
      )
      // A member that is not answered comes again, and the API's own alarm tells of it.
      if (name === 'rebalance') continue
      add(
        `${titleOf(name)}Throttles`,
        each.metricThrottles({ period }),
        `The account has no concurrency left for the ${name} function: ask for a higher quota.`,
      )
    }
    const age = iteratorAge(functions.flush)
    add(
      'FlushIteratorAge',
      age,
      'The flush function falls behind: payloads stay in the table, and appends cost more.',
      { threshold: ITERATOR_AGE_MAX.plus(flushWindow).toMilliseconds(), evaluationPeriods: 3 },
    )
    add(
      'ApiServerErrors',
      api.metricServerError({ period, statistic: 'Sum' }),
      'The API answered a request with a 5xx status.',
    )
    add(
      'SettlingFailures',
      ownMetric(table, 'settling', 'SettlingFailures', { period }),
      'A partition cannot be flushed or settled, or falls behind, or nobody sees to old objects: the table or the bucket grows. The logs of the flush and maintain functions name it and say why.',
    )
    this.alarms = alarms

    const each = (metric: (one: lambda.Function) => cloudwatch.IMetric) =>
      Object.values(functions).map(metric)
    new cloudwatch.Dashboard(this, 'Dashboard', {
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
          graph('Flush: age of the stream, ms', [age]),
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
              operations: [dynamodb.Operation.UPDATE_ITEM, dynamodb.Operation.PUT_ITEM],
              period: ALARM_PERIOD,
            }),
          ]),
          graph('Records and flushes', [
            ownMetric(table, 'produce', 'ProducedRecords'),
            ownMetric(table, 'flush', 'FlushedPartitions'),
            ownMetric(table, 'flush', 'FlushFailures'),
          ]),
        ],
        [
          graph('Settling: bytes', [
            ownMetric(table, 'maintain', 'BacklogBytes', { statistic: 'Maximum' }),
            ownMetric(table, 'maintain', 'RolledBytes'),
            ownMetric(table, 'maintain', 'MergedBytes'),
          ]),
          graph('Settling: objects deleted, epochs not drained', [
            ownMetric(table, 'maintain', 'DeletedObjects'),
            ownMetric(table, 'maintain', 'UndrainedEpochs', { statistic: 'Maximum' }),
          ]),
          graph('Settling: failures', [ownMetric(table, 'settling', 'SettlingFailures')]),
        ],
      ],
    })
  }
}

function titleOf(name: string): string {
  return name[0]!.toUpperCase() + name.slice(1)
}

function graph(title: string, left: cloudwatch.IMetric[]): cloudwatch.GraphWidget {
  return new cloudwatch.GraphWidget({ title, left, width: 8, height: 6 })
}
