import { Duration } from 'aws-cdk-lib'
import type * as iam from 'aws-cdk-lib/aws-iam'
import type * as lambda from 'aws-cdk-lib/aws-lambda'
import { Construct } from 'constructs'
import { acknowledgeStream } from './acknowledge.ts'
import { dispatchPermissions, wakePermissions } from './permissions.ts'
import type { Stores } from './stores.ts'
import { callOnChange, HEAD_CHANGED, TRIGGER_CHANGED } from './table-changes.ts'
import type { Waking } from './waking.ts'

/** A sweep of many triggers takes its time, and goes on where it stopped. */
const DISPATCH_TIMEOUT = Duration.minutes(2)

interface DispatchProps {
  readonly stores: Stores
  /** Absent: nobody is woken. */
  readonly waking?: Waking | undefined
  makeFunction(
    name: 'Dispatch',
    memorySize: number,
    timeout: Duration,
    permissions: iam.PolicyStatement[],
    environment: Readonly<Record<string, string>>,
  ): lambda.Function
}

/**
 * The function that the table's stream wakes for whoever waits for changes: triggers, and listeners. The stream has two readers at
 * most without getting slower, and the other one flushes: so these two share one.
 */
export class Dispatch extends Construct {
  readonly dispatchFunction: lambda.Function
  readonly #mapping: lambda.EventSourceMapping
  readonly #filters = [HEAD_CHANGED, ...TRIGGER_CHANGED]

  constructor(scope: Construct, id: string, { stores, waking, makeFunction }: DispatchProps) {
    super(scope, id)
    const permissions = [
      ...dispatchPermissions(stores),
      // A few listeners it posts to itself.
      ...(waking
        ? [...wakePermissions(stores, waking.postFunction.functionArn), ...waking.postPermissions()]
        : []),
    ]
    const environment = waking
      ? { TIDEMARK_POST: waking.postFunction.functionName, ...waking.postEnvironment }
      : {}
    this.dispatchFunction = makeFunction('Dispatch', 512, DISPATCH_TIMEOUT, permissions, environment)
    acknowledgeStream(this.dispatchFunction.role!, stores.table)
    waking?.allowPosts(this.dispatchFunction)
    this.#mapping = callOnChange(this, this.dispatchFunction, stores.table, {
      id: 'DispatchOnChange',
      batchSize: 1_000,
      // Without triggers none of them changes.
      filters: this.#filters,
    })
  }

  /** Has it woken by other changes, too. */
  wakeBy(filter: { readonly [pattern: string]: string }): void {
    this.#filters.push(filter)
    const mapping = this.#mapping.node.defaultChild as lambda.CfnEventSourceMapping
    mapping.filterCriteria = { filters: this.#filters }
  }
}
