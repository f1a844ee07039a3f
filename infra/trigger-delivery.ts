import { Duration, Stack, Validations } from 'aws-cdk-lib'
import { Alarm, ComparisonOperator, type IMetric, Metric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch'
import { Rule, Schedule } from 'aws-cdk-lib/aws-events'
import { LambdaFunction as LambdaTarget } from 'aws-cdk-lib/aws-events-targets'
import { type PolicyStatement, Role } from 'aws-cdk-lib/aws-iam'
import {
  type CfnFunction,
  EventSourceMapping,
  FilterCriteria,
  FilterRule,
  type IFunction,
  Function as LambdaFunction,
  RecursiveLoop,
  StartingPosition,
} from 'aws-cdk-lib/aws-lambda'
import { DeduplicationScope, FifoThroughputLimit, Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs'
import { Construct } from 'constructs'
import { FUNCTION_RUN_MS_MAX, WAKE_UP_LIFETIME_MS } from '../src/core/limits.ts'
import { HEAD_KEY, KEY_ATTRIBUTES, SEGMENT_PREFIX, TRIGGERS_KEY } from '../src/core/storage-layout.ts'
import { acknowledgeWildcard } from './acknowledge.ts'
import {
  deliverPermissions,
  dispatchPermissions,
  type Stores,
  topicFailurePermissions,
} from './permissions.ts'

/** How often partitions are looked for that are behind and that nobody has been woken for. */
const SWEEP_INTERVAL = Duration.minutes(5)
/** A sweep of many triggers takes its time, and goes on where it stopped. */
const DISPATCH_TIMEOUT = Duration.minutes(2)
const PERIOD = Duration.minutes(5)
/** Of the oldest wake-up that is not worked off, and of the newest change that is not dispatched. */
const WAKE_UP_AGE_MAX = Duration.minutes(15)
const ITERATOR_AGE_MAX = Duration.minutes(1)

interface TriggerDeliveryProps {
  readonly stores: Stores
  /** What events name as their source: `host:port`. */
  readonly bootstrapServers: string
  readonly hasAlarms: boolean
  readonly maxConcurrency?: number
  /** Makes a function of the broker: in its scope, with its logs and its settings. */
  makeFunction(
    name: 'Dispatch' | 'Deliver',
    memorySize: number,
    timeout: Duration,
    permissions: PolicyStatement[],
    environment: Readonly<Record<string, string>>,
  ): LambdaFunction
}

/**
 * What all triggers of a broker share: a function that is woken by changed heads and puts wake-ups into a queue, the
 * queue, and a function that takes them out and calls the users' functions.
 */
export class TriggerDelivery extends Construct {
  readonly wakeUps: Queue
  readonly dispatchFunction: LambdaFunction
  readonly deliverFunction: LambdaFunction
  readonly alarms: readonly Alarm[]

  readonly #stores: Stores
  readonly #claimed = new Set<string>()
  #canProduce = false

  constructor(scope: Construct, id: string, props: TriggerDeliveryProps) {
    super(scope, id)
    const { stores, bootstrapServers, makeFunction } = props
    this.#stores = stores
    this.wakeUps = this.#makeQueue()
    this.dispatchFunction = makeFunction('Dispatch', 512, DISPATCH_TIMEOUT, dispatchPermissions(stores), {
      TIDEMARK_WAKE_UPS: this.wakeUps.queueUrl,
    })
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
    const deliver = this.deliverFunction.node.defaultChild as CfnFunction
    deliver.recursiveLoop = RecursiveLoop.ALLOW
    this.#acknowledgeWildcards(stores)
    this.#dispatchOnChanges(stores)
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
  asGranteeIn(scope: Construct): IFunction {
    const { functionArn, role } = this.deliverFunction
    if (Stack.of(scope) === Stack.of(this)) return this.deliverFunction
    return LambdaFunction.fromFunctionAttributes(scope, 'Deliver', {
      functionArn,
      role: Role.fromRoleArn(scope, 'DeliverRole', role!.roleArn),
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
    acknowledgeWildcard(policy as Construct, this.#stores.bucket, `/${SEGMENT_PREFIX}*`, ALL_SEGMENTS)
  }

  #makeQueue(): Queue {
    const queue = new Queue(this, 'WakeUps', {
      fifo: true,
      // Lanes share nothing, neither order nor throughput.
      deduplicationScope: DeduplicationScope.MESSAGE_GROUP,
      fifoThroughputLimit: FifoThroughputLimit.PER_MESSAGE_GROUP_ID,
      encryption: QueueEncryption.SQS_MANAGED,
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

  #acknowledgeWildcards({ bucket, table }: Stores): void {
    acknowledgeWildcard(this.deliverFunction.role!, bucket, `/${SEGMENT_PREFIX}*`, ALL_SEGMENTS)
    acknowledgeWildcard(
      this.dispatchFunction.role!,
      table,
      '/stream/*',
      'A table has one stream. Lambda asks for ListStreams, which AWS grants by table and not by stream.',
    )
  }

  #dispatchOnChanges({ table }: Stores): void {
    const { partition, sort } = KEY_ATTRIBUTES
    const changed = (eventName: string, key: Record<string, string>) => {
      const [[name, value]] = Object.entries(key) as [[string, string]]
      const Keys = { [name]: { S: FilterRule.isEqual(value) } }
      return FilterCriteria.filter({ eventName: FilterRule.isEqual(eventName), dynamodb: { Keys } })
    }
    new EventSourceMapping(this, 'DispatchOnChange', {
      target: this.dispatchFunction,
      eventSourceArn: table.tableStreamArn!,
      // Not the latest: a mapping takes a while to begin, and the first trigger is made meanwhile.
      startingPosition: StartingPosition.TRIM_HORIZON,
      batchSize: 1_000,
      filters: [
        // An append. A head that was just made is empty, and one that is removed has nothing left.
        changed('MODIFY', { [sort]: HEAD_KEY }),
        // A trigger was made, altered, paused or resumed.
        changed('INSERT', { [partition]: TRIGGERS_KEY }),
        changed('MODIFY', { [partition]: TRIGGERS_KEY }),
      ],
      bisectBatchOnError: true,
      // The handler fails only when a store or the queue does. What it misses then, the sweep finds.
      retryAttempts: 5,
    })
    new Rule(this, 'Sweep', {
      description: 'Wakes deliveries for partitions that are behind, whatever the stream has missed',
      schedule: Schedule.rate(SWEEP_INTERVAL),
      targets: [new LambdaTarget(this.dispatchFunction)],
    })
  }

  #deliver(maxConcurrency: number | undefined): void {
    new EventSourceMapping(this, 'DeliverOnWakeUp', {
      target: this.deliverFunction,
      eventSourceArn: this.wakeUps.queueArn,
      // One at a time, so that a partition that fails takes no other one with it.
      batchSize: 1,
      reportBatchItemFailures: true,
      ...(maxConcurrency !== undefined && { maxConcurrency }),
    })
  }

  #makeAlarms({ table }: Stores): Alarm[] {
    const stalled = new Metric({
      namespace: 'Tidemark',
      metricName: 'StalledDeliveries',
      dimensionsMap: { service: 'deliver', broker: table.tableName },
      statistic: 'Sum',
      period: PERIOD,
    })
    return [
      this.#alarm(
        'StalledDeliveries',
        stalled,
        1,
        "A trigger's function fails, or cannot be called, and its partition waits. The log of the deliver function says why.",
      ),
      this.#alarm(
        'WakeUpAge',
        this.wakeUps.metricApproximateAgeOfOldestMessage({ period: PERIOD, statistic: 'Maximum' }),
        WAKE_UP_AGE_MAX.toSeconds(),
        'A wake-up waits for long: a partition is stuck, or the deliver function gets no concurrency.',
      ),
      this.#alarm(
        'DeliverErrors',
        this.deliverFunction.metricErrors({ period: PERIOD }),
        1,
        'The deliver function crashed or timed out. What it was delivering is delivered again.',
      ),
      this.#alarm(
        'DispatchErrors',
        this.dispatchFunction.metricErrors({ period: PERIOD }),
        1,
        'The dispatch function failed: triggers may learn of records only with the next sweep.',
      ),
      this.#alarm(
        'DispatchIteratorAge',
        this.dispatchFunction.metric('IteratorAge', { statistic: 'Maximum', period: Duration.minutes(1) }),
        ITERATOR_AGE_MAX.toMilliseconds(),
        'The dispatch function falls behind: triggers learn late of records.',
      ),
    ]
  }

  #alarm(id: string, metric: IMetric, threshold: number, alarmDescription: string): Alarm {
    return new Alarm(this, id, {
      metric,
      threshold,
      evaluationPeriods: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      alarmDescription,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    })
  }
}

const ALL_SEGMENTS =
  'Segments are named at random: all of a broker is one prefix, and this role may reach no other.'
