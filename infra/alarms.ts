import { Duration } from 'aws-cdk-lib'
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch'
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb'
import type * as lambda from 'aws-cdk-lib/aws-lambda'
import type { Construct } from 'constructs'

export const ALARM_PERIOD = Duration.minutes(5)

/** Of the newest change that a function has not seen which the table's stream wakes. */
export const ITERATOR_AGE_MAX = Duration.minutes(1)

interface AlarmProps {
  readonly metric: cloudwatch.IMetric
  /** Whom it wakes wants to know what it means. */
  readonly meaning: string
  /** The least value that is too much. Default: 1, for what should never happen at all. */
  readonly threshold?: number
  /** How many periods it lasts. Default: 1. */
  readonly evaluationPeriods?: number
}

/** An alarm without an action, which is silent where nothing is measured. */
export function makeAlarm(
  scope: Construct,
  id: string,
  { metric, meaning, threshold = 1, evaluationPeriods = 1 }: AlarmProps,
): cloudwatch.Alarm {
  return new cloudwatch.Alarm(scope, id, {
    metric,
    threshold,
    evaluationPeriods,
    comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
    alarmDescription: meaning,
    treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
  })
}

export function iteratorAge(of: lambda.Function): cloudwatch.Metric {
  return of.metric('IteratorAge', { statistic: 'Maximum', period: Duration.minutes(1) })
}

/** What a function publishes itself, with its broker's table as a dimension: an account can have several brokers. */
export function ownMetric(
  table: dynamodb.Table,
  service: string,
  metricName: string,
  options: cloudwatch.MetricOptions = {},
): cloudwatch.Metric {
  return new cloudwatch.Metric({
    namespace: 'Tidemark',
    metricName,
    dimensionsMap: { service, broker: table.tableName },
    statistic: 'Sum',
    ...options,
  })
}
