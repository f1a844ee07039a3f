import type { Duration } from 'aws-cdk-lib'
import type { Table } from 'aws-cdk-lib/aws-dynamodb'
import { Rule, Schedule } from 'aws-cdk-lib/aws-events'
import { LambdaFunction as LambdaTarget } from 'aws-cdk-lib/aws-events-targets'
import {
  EventSourceMapping,
  FilterCriteria,
  FilterRule,
  type Function as LambdaFunction,
  StartingPosition,
} from 'aws-cdk-lib/aws-lambda'
import type { Construct } from 'constructs'
import { HEAD_KEY, KEY_ATTRIBUTES, TRIGGERS_KEY } from '../src/core/storage-layout.ts'

/** An append. A head that was just made is empty, and one that is removed has nothing left. */
export const HEAD_CHANGED = changed('MODIFY', KEY_ATTRIBUTES.sort, HEAD_KEY)
/** A trigger was made, altered, paused or resumed. */
export const TRIGGER_CHANGED = [
  changed('INSERT', KEY_ATTRIBUTES.partition, TRIGGERS_KEY),
  changed('MODIFY', KEY_ATTRIBUTES.partition, TRIGGERS_KEY),
]

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
}

/** Calls a function when something changes in the table, and by a schedule for what the stream has missed. */
export function callOnChanges(
  scope: Construct,
  target: LambdaFunction,
  table: Table,
  { id, ...wakes }: Wakes,
  looks: Looks,
): void {
  new EventSourceMapping(scope, id, {
    target,
    eventSourceArn: table.tableStreamArn!,
    // Not the latest: a mapping takes a while to begin, and something may be written meanwhile.
    startingPosition: StartingPosition.TRIM_HORIZON,
    ...wakes,
    bisectBatchOnError: true,
    // The handlers fail only when a store or a queue does. What they miss then, the schedule finds.
    retryAttempts: 5,
  })
  new Rule(scope, looks.id, {
    description: looks.description,
    schedule: Schedule.rate(looks.every),
    targets: [new LambdaTarget(target)],
  })
}

function changed(eventName: string, attribute: string, key: string) {
  const Keys = { [attribute]: { S: FilterRule.isEqual(key) } }
  return FilterCriteria.filter({ eventName: FilterRule.isEqual(eventName), dynamodb: { Keys } })
}
