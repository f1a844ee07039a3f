import type { Duration } from 'aws-cdk-lib'
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb'
import * as events from 'aws-cdk-lib/aws-events'
import * as targets from 'aws-cdk-lib/aws-events-targets'
import * as lambda from 'aws-cdk-lib/aws-lambda'
import type { Construct } from 'constructs'
import { HEAD_KEY, KEY_ATTRIBUTES, TRIGGERS_KEY } from '../src/core/storage-layout.ts'
import { OUTBOX_PREFIX } from '../src/core/storage-outbox.ts'
import { TRANSACTION_STATE_KEY } from '../src/core/storage-transactions.ts'

/**
 * An append, or a flush's cut: the stream has keys only, so whoever is called tells them apart. A head that was just made
 * is empty.
 */
export const HEAD_CHANGED = changed('MODIFY', KEY_ATTRIBUTES.sort, HEAD_KEY)
/** A trigger was made, altered, paused or resumed. */
export const TRIGGER_CHANGED = [
  changed('INSERT', KEY_ATTRIBUTES.partition, TRIGGERS_KEY),
  changed('MODIFY', KEY_ATTRIBUTES.partition, TRIGGERS_KEY),
]

/** Something has become of a transaction: it may be decided, and whoever decided it may be gone. */
export const TRANSACTION_CHANGED = changed('MODIFY', KEY_ATTRIBUTES.sort, TRANSACTION_STATE_KEY)

/** An application has put something into an outbox. */
export const OUTBOX_FILLED = lambda.FilterCriteria.filter({
  eventName: lambda.FilterRule.isEqual('INSERT'),
  dynamodb: { Keys: { [KEY_ATTRIBUTES.partition]: { S: lambda.FilterRule.beginsWith(OUTBOX_PREFIX) } } },
})

interface Wakes {
  readonly id: string
  readonly batchSize: number
  readonly maxBatchingWindow?: Duration
  readonly filters: ReturnType<typeof changed>[]
}

interface Looks {
  readonly id: string
  readonly every: Duration
  readonly description: string
  /** What it is called with; EventBridge's own event unless given. */
  readonly event?: object
}

/** Calls a function when something changes in the table. */
export function callOnChange(
  scope: Construct,
  target: lambda.Function,
  table: dynamodb.Table,
  { id, ...wakes }: Wakes,
): lambda.EventSourceMapping {
  return new lambda.EventSourceMapping(scope, id, {
    target,
    eventSourceArn: table.tableStreamArn!,
    // Not the latest: a mapping takes a while to begin, and something may be written meanwhile.
    startingPosition: lambda.StartingPosition.TRIM_HORIZON,
    ...wakes,
    bisectBatchOnError: true,
    // The handlers fail only when a store or a queue does. What they miss then, a schedule finds, or whoever waits.
    retryAttempts: 5,
  })
}

/** Calls a function by a schedule, for what the stream has missed. */
export function callEvery(
  scope: Construct,
  target: lambda.Function,
  { id, every, description, event }: Looks,
): void {
  new events.Rule(scope, id, {
    description,
    schedule: events.Schedule.rate(every),
    targets: [
      new targets.LambdaFunction(target, event && { event: events.RuleTargetInput.fromObject(event) }),
    ],
  })
}

function changed(eventName: string, attribute: string, key: string) {
  const Keys = { [attribute]: { S: lambda.FilterRule.isEqual(key) } }
  return lambda.FilterCriteria.filter({ eventName: lambda.FilterRule.isEqual(eventName), dynamodb: { Keys } })
}
