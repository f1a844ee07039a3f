import { Duration } from 'aws-cdk-lib'
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch'
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb'
import * as iam from 'aws-cdk-lib/aws-iam'
import type * as lambda from 'aws-cdk-lib/aws-lambda'
import { OUTBOX_PREFIX } from '../src/core/storage-outbox.ts'
import { acknowledgeObjects } from './acknowledge.ts'
import { ALARM_PERIOD, makeAlarm, ownMetric } from './alarms.ts'
import type { Dispatch } from './dispatch.ts'
import { callPermissions, relayPermissions, WRITTEN_PREFIXES } from './permissions.ts'
import type { Stores } from './stores.ts'
import { callEvery, OUTBOX_FILLED } from './table-changes.ts'

/** Of a long outage there may be much to move. */
const RELAY_TIMEOUT = Duration.minutes(2)
/** How often is looked for what nobody was called for: where something was before, and everywhere. */
const LOOK_INTERVAL = Duration.minutes(5)
const LOOK_AT_ALL_INTERVAL = Duration.hours(1)
/** A call that is older is worth no more than the schedule's. */
const CALL_AGE_MAX = Duration.minutes(10)
/** Of the oldest thing in an outbox, when it was moved or looked at. */
const LAG_MAX = Duration.minutes(1)

interface OutboxRelayProps {
  readonly stores: Stores
  readonly hasAlarms: boolean
  /** Makes a function of the broker: in its scope, with its logs and its settings. */
  makeFunction(
    name: 'Relay',
    memorySize: number,
    timeout: Duration,
    permissions: iam.PolicyStatement[],
  ): lambda.Function
}

/**
 * What moves the contents of outboxes into logs: a function that the one behind the table's stream calls, and that costs nothing
 * while nothing comes but for its schedule. Made with the first grant.
 */
export class OutboxRelay {
  readonly relayFunction: lambda.Function
  readonly alarms: readonly cloudwatch.Alarm[]

  constructor(scope: Dispatch, { stores, hasAlarms, makeFunction }: OutboxRelayProps) {
    this.relayFunction = makeFunction('Relay', 512, RELAY_TIMEOUT, relayPermissions(stores))
    acknowledgeObjects(this.relayFunction.role!, stores.bucket, WRITTEN_PREFIXES)
    this.relayFunction.configureAsyncInvoke({ maxEventAge: CALL_AGE_MAX, retryAttempts: 2 })
    const { dispatchFunction } = scope
    dispatchFunction.addEnvironment('TIDEMARK_RELAY', this.relayFunction.functionName)
    for (const statement of callPermissions(this.relayFunction.functionArn)) {
      dispatchFunction.addToRolePolicy(statement)
    }
    scope.wakeBy(OUTBOX_FILLED)
    callEvery(scope, this.relayFunction, {
      id: 'RelayLook',
      every: LOOK_INTERVAL,
      description: 'Moves what is left in outboxes, whatever the stream has missed',
      event: { look: 'known' },
    })
    callEvery(scope, this.relayFunction, {
      id: 'RelayLookAtAll',
      every: LOOK_AT_ALL_INTERVAL,
      description: 'The same for partitions that never had anything in their outboxes',
      event: { look: 'all' },
    })
    this.alarms = hasAlarms ? this.#makeAlarms(scope, stores) : []
  }

  #makeAlarms(scope: Dispatch, { table }: Stores): cloudwatch.Alarm[] {
    const period = ALARM_PERIOD
    return [
      makeAlarm(scope, 'OutboxLag', {
        metric: ownMetric(table, 'relay', 'LagMs', { period, statistic: 'Maximum' }),
        threshold: LAG_MAX.toMilliseconds(),
        meaning:
          'Something was committed with a transaction and is in no log yet. The logs of the relay and dispatch functions say why.',
      }),
      makeAlarm(scope, 'ParkedItems', {
        metric: ownMetric(table, 'relay', 'GivenUpRecords', { period }),
        meaning:
          'Something was committed with a transaction and can be in no log: its topic is gone, or takes no such record. It was put aside, with the reason, and the log of the relay function names it.',
      }),
      makeAlarm(scope, 'RelayErrors', {
        metric: this.relayFunction.metricErrors({ period }),
        meaning: 'The relay function crashed, timed out, or could not move something. It tries again.',
      }),
    ]
  }
}

/** Lets somebody put items into outboxes: in a transaction it is the same action as alone. */
export function grantOutbox(table: dynamodb.Table, grantee: iam.IGrantable): iam.Grant {
  return iam.Grant.addToPrincipal({
    grantee,
    actions: ['dynamodb:PutItem'],
    resourceArns: [table.tableArn],
    conditions: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': [`${OUTBOX_PREFIX}*`] } },
  })
}
