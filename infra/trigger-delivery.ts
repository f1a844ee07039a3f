import { Duration, Stack, Validations } from 'aws-cdk-lib'
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch'
import * as iam from 'aws-cdk-lib/aws-iam'
import * as lambda from 'aws-cdk-lib/aws-lambda'
import * as sqs from 'aws-cdk-lib/aws-sqs'
import type { Construct } from 'constructs'
import { FUNCTION_RUN_MS_MAX, WAKE_UP_LIFETIME_MS } from '../src/core/limits.ts'
import { acknowledgeObjects } from './acknowledge.ts'
import { ALARM_PERIOD, ITERATOR_AGE_MAX, iteratorAge, makeAlarm, ownMetric } from './alarms.ts'
import type { Dispatch } from './dispatch.ts'
import {
  deliverPermissions,
  RECORD_PREFIXES,
  topicFailurePermissions,
  WRITTEN_PREFIXES,
} from './permissions.ts'
import type { Stores } from './stores.ts'
import { callEvery } from './table-changes.ts'

/** How often partitions are looked for that are behind and that nobody has been woken for. */
const SWEEP_INTERVAL = Duration.minutes(5)
/** Of the oldest wake-up that is not worked off. */
const WAKE_UP_AGE_MAX = Duration.minutes(15)

interface TriggerDeliveryProps {
  readonly stores: Stores
  /** What events name as their source: `host:port`. */
  readonly bootstrapServers: string
  readonly hasAlarms: boolean
  readonly maxConcurrency?: number
  /** Makes a function of the broker: in its scope, with its logs and its settings. */
  makeFunction(
    name: 'Deliver',
    memorySize: number,
    timeout: Duration,
    permissions: iam.PolicyStatement[],
    environment: Readonly<Record<string, string>>,
  ): lambda.Function
}

/**
 * What all triggers of a broker share, beside the function that is woken by changed heads: a queue, into which that one puts
 * wake-ups, and a function that takes them out and calls the users' functions. It stands where that one does.
 */
export class TriggerDelivery {
  readonly wakeUps: sqs.Queue
  readonly dispatchFunction: lambda.Function
  readonly deliverFunction: lambda.Function
  readonly alarms: readonly cloudwatch.Alarm[]

  readonly #scope: Dispatch
  readonly #stores: Stores
  readonly #claimed = new Set<string>()
  #canProduce = false

  constructor(scope: Dispatch, props: TriggerDeliveryProps) {
    this.#scope = scope
    const { stores, bootstrapServers, makeFunction } = props
    this.#stores = stores
    this.wakeUps = this.#makeQueue()
    this.dispatchFunction = scope.dispatchFunction
    this.dispatchFunction.addEnvironment('TIDEMARK_WAKE_UPS', this.wakeUps.queueUrl)
    const deliverTimeout = Duration.millis(FUNCTION_RUN_MS_MAX)
    this.deliverFunction = makeFunction('Deliver', 1024, deliverTimeout, deliverPermissions(stores), {
      TIDEMARK_WAKE_UPS: this.wakeUps.queueUrl,
      TIDEMARK_BOOTSTRAP_SERVERS: bootstrapServers,
    })
    this.wakeUps.grantSendMessages(this.dispatchFunction)
    this.wakeUps.grantConsumeMessages(this.deliverFunction)
    // A partition whose turn is over goes behind the others of its lane. To Lambda, a function that sends to its own
    // queue is a loop, whose message it drops after some sixteen rounds; this one ends with the backlog.
    this.wakeUps.grant(this.deliverFunction, 'sqs:SendMessage')
    const deliver = this.deliverFunction.node.defaultChild as lambda.CfnFunction
    deliver.recursiveLoop = lambda.RecursiveLoop.ALLOW
    acknowledgeObjects(this.deliverFunction.role!, stores.bucket, RECORD_PREFIXES)
    const description = 'Wakes deliveries for partitions that are behind, whatever the stream has missed'
    callEvery(scope, this.dispatchFunction, { id: 'Sweep', every: SWEEP_INTERVAL, description })
    this.#deliver(props.maxConcurrency)
    this.alarms = props.hasAlarms ? this.#makeAlarms(stores) : []
  }

  /** @throws Error where there is such a trigger: they would share offsets, and get half of the records each */
  claimTrigger(groupId: string, topicName: string): void {
    const claim = JSON.stringify([groupId, topicName])
    if (this.#claimed.has(claim)) {
      throw new Error(
        `The group ${groupId} has an event source on the topic "${topicName}" already: give this one another groupId.`,
      )
    }
    this.#claimed.add(claim)
  }

  /**
   * The deliver function, as whoever is in `scope` lets it do something. For another stack, what it may do is stated
   * over there: that stack depends on this one, which must not depend on it in turn.
   */
  asGranteeIn(scope: Construct): lambda.IFunction {
    const { functionArn, role } = this.deliverFunction
    if (Stack.of(scope) === Stack.of(this.#scope)) return this.deliverFunction
    return lambda.Function.fromFunctionAttributes(scope, 'Deliver', {
      functionArn,
      role: iam.Role.fromRoleArn(scope, 'DeliverRole', role!.roleArn),
      sameEnvironment: true,
    })
  }

  /** Lets the deliver function put given-up records into the broker's topics. */
  allowProducing(): void {
    if (this.#canProduce) return
    this.#canProduce = true
    for (const statement of topicFailurePermissions(this.#stores)) {
      this.deliverFunction.addToRolePolicy(statement)
    }
    const policy = this.deliverFunction.role!.node.findChild('DefaultPolicy')
    acknowledgeObjects(policy, this.#stores.bucket, WRITTEN_PREFIXES)
  }

  #makeQueue(): sqs.Queue {
    const queue = new sqs.Queue(this.#scope, 'WakeUps', {
      fifo: true,
      // Lanes share nothing, neither order nor throughput.
      deduplicationScope: sqs.DeduplicationScope.MESSAGE_GROUP,
      fifoThroughputLimit: sqs.FifoThroughputLimit.PER_MESSAGE_GROUP_ID,
      encryption: sqs.QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      // Lambda wants it no shorter than the function's time; the function itself makes it as short as the call is.
      visibilityTimeout: Duration.millis(FUNCTION_RUN_MS_MAX),
      retentionPeriod: Duration.millis(WAKE_UP_LIFETIME_MS),
    })
    Validations.of(queue).acknowledge({
      id: 'AwsSolutions-SQS3',
      reason:
        'A wake-up that comes back is how a batch waits for its next try, and one that is lost is made again by the ' +
        "sweep: there is nothing to keep aside. Records that are given up go to their trigger's own destination.",
    })
    return queue
  }

  #deliver(maxConcurrency: number | undefined): void {
    new lambda.EventSourceMapping(this.#scope, 'DeliverOnWakeUp', {
      target: this.deliverFunction,
      eventSourceArn: this.wakeUps.queueArn,
      // One at a time, so that a partition that fails takes no other one with it.
      batchSize: 1,
      reportBatchItemFailures: true,
      ...(maxConcurrency !== undefined && { maxConcurrency }),
    })
  }

  #makeAlarms({ table }: Stores): cloudwatch.Alarm[] {
    const { wakeUps, deliverFunction, dispatchFunction } = this
    const scope = this.#scope
    const period = ALARM_PERIOD
    return [
      makeAlarm(scope, 'StalledDeliveries', {
        metric: ownMetric(table, 'deliver', 'StalledDeliveries', { period }),
        meaning:
          "A trigger's function fails, or cannot be called, and its partition waits. The log of the deliver function says why.",
      }),
      makeAlarm(scope, 'WakeUpAge', {
        metric: wakeUps.metricApproximateAgeOfOldestMessage({ period, statistic: 'Maximum' }),
        threshold: WAKE_UP_AGE_MAX.toSeconds(),
        meaning:
          'A wake-up waits for long: a partition is stuck, or the deliver function gets no concurrency.',
      }),
      makeAlarm(scope, 'DeliverErrors', {
        metric: deliverFunction.metricErrors({ period }),
        meaning: 'The deliver function crashed or timed out. What it was delivering is delivered again.',
      }),
      makeAlarm(scope, 'DispatchErrors', {
        metric: dispatchFunction.metricErrors({ period }),
        meaning: 'The dispatch function failed: triggers may learn of records only with the next sweep.',
      }),
      makeAlarm(scope, 'DispatchIteratorAge', {
        metric: iteratorAge(dispatchFunction),
        threshold: ITERATOR_AGE_MAX.toMilliseconds(),
        meaning: 'The dispatch function falls behind: triggers learn late of records.',
      }),
    ]
  }
}
