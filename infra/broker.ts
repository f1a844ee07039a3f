import { join } from 'node:path'
import { CfnOutput, Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib'
import type * as apigateway from 'aws-cdk-lib/aws-apigatewayv2'
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch'
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb'
import * as iam from 'aws-cdk-lib/aws-iam'
import * as lambda from 'aws-cdk-lib/aws-lambda'
import * as logs from 'aws-cdk-lib/aws-logs'
import type * as s3 from 'aws-cdk-lib/aws-s3'
import { Construct } from 'constructs'
import { FUNCTION_RUN_MS_MAX, FUNCTION_TIMEOUT_MS, RECOVERY_WINDOW_DEFAULT_MS } from '../src/core/limits.ts'
import { DELETED_TOPICS_PREFIX } from '../src/core/storage-layout.ts'
import { acknowledgeObjects, acknowledgeStream } from './acknowledge.ts'
import { type BrokerAuth, makeApi } from './api.ts'
import type { TidemarkBrokerProps } from './broker-props.ts'
import { findBundles } from './bundles.ts'
import { type DirectTopic, grantDirectConsume, grantDirectProduce } from './direct.ts'
import { Dispatch } from './dispatch.ts'
import { graceOf } from './grace.ts'
import { type BrokerTopic, grantCalls, groupIdFor, idFor, topicNameFor } from './grants.ts'
import { Monitoring } from './monitoring.ts'
import { grantOutbox, OutboxRelay } from './outbox.ts'
import {
  adminPermissions,
  armPermissions,
  callPermissions,
  fetchPermissions,
  flushPermissions,
  logPermissions,
  maintainPermissions,
  producePermissions,
  RECORD_PREFIXES,
  rebalancePermissions,
  streamPermissions,
  WRITTEN_PREFIXES,
} from './permissions.ts'
import { grantUrl, makeProduceUrl } from './produce-url.ts'
import {
  ADMIN_CALLS,
  consumeCalls,
  groupCalls,
  produceCalls,
  topicAdminCalls,
  transactionCalls,
} from './routes.ts'
import { makeStores } from './stores.ts'
import { callEvery, callOnChange, HEAD_CHANGED, TRANSACTION_CHANGED } from './table-changes.ts'
import { TriggerDelivery } from './trigger-delivery.ts'
import { isWaking, Waking } from './waking.ts'

type FunctionTitle =
  | 'Produce'
  | 'Fetch'
  | 'Flush'
  | 'Maintain'
  | 'Rebalance'
  | 'Admin'
  | 'Dispatch'
  | 'Deliver'
  | 'Listen'
  | 'Post'
  | 'Relay'

/** Producers keep tails short themselves: what is left is no hurry, and each flush a put. */
const FLUSH_WINDOW = Duration.minutes(1)
/** Nobody waits for a flush, and one that follows an outage has much to do. */
const FLUSH_TIMEOUT = Duration.minutes(2)
/** How often all partitions are looked through for payloads that no event of the stream has moved. */
const FLUSH_SCAN_INTERVAL = Duration.minutes(15)

/** A broker: a bucket, a table, functions and an HTTP API, and a WebSocket API beside it. Costs next to nothing while nobody uses it. */
export class TidemarkBroker extends Construct {
  readonly bucket: s3.Bucket
  readonly table: dynamodb.Table
  readonly produceFunction: lambda.Function
  readonly fetchFunction: lambda.Function
  readonly flushFunction: lambda.Function
  readonly maintainFunction: lambda.Function
  readonly rebalanceFunction: lambda.Function
  readonly adminFunction: lambda.Function
  readonly api: apigateway.HttpApi
  /** What `--broker` takes. */
  readonly apiUrl: string
  /** What `produceBy` of HttpBroker takes; undefined without `produceUrl`. */
  readonly produceUrl: string | undefined
  readonly isProduction: boolean

  readonly #auth: BrokerAuth
  readonly #props: TidemarkBrokerProps
  readonly #alarms: readonly cloudwatch.Alarm[]
  readonly #topicNames = new Set<string>()
  readonly #waking: Waking | undefined
  #dispatch: Dispatch | undefined
  #delivery: TriggerDelivery | undefined
  #relay: OutboxRelay | undefined

  constructor(scope: Construct, id: string, props: TidemarkBrokerProps = {}) {
    super(scope, id)
    this.isProduction = props.production ?? true
    this.#auth = props.auth ?? 'iam'
    this.#props = props
    const {
      serverAccessLogsBucket,
      flushWindow = FLUSH_WINDOW,
      recoveryWindow = Duration.millis(RECOVERY_WINDOW_DEFAULT_MS),
      monitoring = true,
    } = props
    const stores = makeStores(this, { isProduction: this.isProduction, serverAccessLogsBucket })
    this.bucket = stores.bucket
    this.table = stores.table
    const timeout = Duration.millis(FUNCTION_TIMEOUT_MS)

    // Processor time comes with memory, and both are paid by the millisecond: where bytes are checked and encoded,
    // more of it costs the same and answers sooner. The others mostly wait for the table, and waiting costs half with half of it.
    this.produceFunction = this.#makeFunction('Produce', 512, timeout, producePermissions(stores))
    this.#waking = isWaking(this, this.isProduction, props) ? this.#makeWaking() : undefined
    this.fetchFunction = this.#makeFunction(
      'Fetch',
      1024,
      timeout,
      [...fetchPermissions(stores), ...(this.#waking ? armPermissions(stores) : [])],
      this.#waking ? { TIDEMARK_WAKING_URL: this.#waking.url } : {},
    )
    this.maintainFunction = this.#makeMaintainFunction(recoveryWindow)
    const { functionArn, functionName } = this.maintainFunction
    this.flushFunction = this.#makeFunction(
      'Flush',
      512,
      FLUSH_TIMEOUT,
      [...flushPermissions(stores), ...streamPermissions(stores), ...callPermissions(functionArn)],
      { TIDEMARK_MAINTAIN: functionName, ...graceOf(recoveryWindow) },
    )
    this.rebalanceFunction = this.#makeFunction('Rebalance', 512, timeout, rebalancePermissions(stores))
    this.adminFunction = this.#makeFunction('Admin', 512, timeout, adminPermissions(stores))
    const reached: [lambda.Function, readonly string[]][] = [
      [this.produceFunction, WRITTEN_PREFIXES],
      [this.fetchFunction, RECORD_PREFIXES],
      [this.rebalanceFunction, WRITTEN_PREFIXES],
      [this.flushFunction, [...WRITTEN_PREFIXES, DELETED_TOPICS_PREFIX]],
      [this.maintainFunction, [...RECORD_PREFIXES, DELETED_TOPICS_PREFIX]],
      [this.adminFunction, [DELETED_TOPICS_PREFIX]],
    ]
    for (const [{ role }, prefixes] of reached) acknowledgeObjects(role!, this.bucket, prefixes)
    acknowledgeStream(this.flushFunction.role!, this.table)

    const wakes = {
      id: 'FlushOnChange',
      // As much as Lambda gives: each invocation makes one object of all that changed meanwhile.
      batchSize: 10_000,
      maxBatchingWindow: flushWindow,
      filters: [HEAD_CHANGED, TRANSACTION_CHANGED],
    }
    const description = 'Moves what the stream has missed from the table into objects'
    const looks = { id: 'FlushOnSchedule', every: FLUSH_SCAN_INTERVAL, description }
    callOnChange(this, this.flushFunction, this.table, wakes)
    callEvery(this, this.flushFunction, looks)
    if (this.#waking) this.#dispatchForAll()
    const functions = {
      produce: this.produceFunction,
      fetch: this.fetchFunction,
      flush: this.flushFunction,
      maintain: this.maintainFunction,
      rebalance: this.rebalanceFunction,
      admin: this.adminFunction,
    }
    const accessLog = props.accessLog === false ? undefined : this.#makeLogGroup('ApiLog')
    this.api = makeApi(this, this.#auth, functions, accessLog)
    this.apiUrl = this.api.apiEndpoint
    this.produceUrl = props.produceUrl ? makeProduceUrl(this.produceFunction) : undefined
    const monitored = { api: this.api, table: this.table, functions, flushWindow }
    this.#alarms = monitoring ? new Monitoring(this, 'Monitoring', monitored).alarms : []
  }

  /**
   * Gives the stack the outputs that the command line reads with `--outputs`: ApiUrl, TableName, BucketName and Region.
   * For one broker of a stack.
   */
  addOutputs(): void {
    const stack = Stack.of(this)
    const output = (id: string, value: string, description: string) =>
      new CfnOutput(stack, id, { value, description })
    output('ApiUrl', this.apiUrl, 'What --broker takes')
    if (this.produceUrl) output('ProduceUrl', this.produceUrl, 'What produceBy takes')
    output('TableName', this.table.tableName, 'What --table takes')
    output('BucketName', this.bucket.bucketName, 'What --bucket takes')
    output('Region', stack.region, 'Where the broker is')
  }

  /** Without actions: give them yours. Empty where `monitoring` is false; more with the first trigger and the first outbox. */
  get alarms(): readonly cloudwatch.Alarm[] {
    return [...this.#alarms, ...(this.#delivery?.alarms ?? []), ...(this.#relay?.alarms ?? [])]
  }

  /** Lets `grantee` append to one topic through the API. @throws Error where the API asks for tokens */
  grantProduce(grantee: iam.IGrantable, topic: BrokerTopic | string): iam.Grant {
    return this.#grantCalls(grantee, produceCalls(topicNameFor(this, topic)))
  }

  /** Lets `grantee` append to all topics by the produce function's URL. @throws Error where it has none */
  grantProduceUrl(grantee: iam.IGrantable): iam.Grant {
    if (this.produceUrl) return grantUrl(this.produceFunction, grantee)
    throw new Error(`${this.node.path} has no such URL: make it with produceUrl.`)
  }

  /** Lets `grantee` read one topic through the API. @throws Error where the API asks for tokens */
  grantConsume(grantee: iam.IGrantable, topic: BrokerTopic | string): iam.Grant {
    return this.#grantReading(grantee, consumeCalls(topicNameFor(this, topic)))
  }

  /**
   * Lets `grantee` be a member of one group through the API. What it reads, `grantConsume` lets it.
   * @throws Error where the API asks for tokens, or where the id would open other groups
   */
  grantGroup(grantee: iam.IGrantable, groupId: string): iam.Grant {
    return this.#grantCalls(grantee, groupCalls(groupIdFor(groupId)))
  }

  /**
   * Lets `grantee` produce in transactions of one transactional id through the API, to any topic, and commit offsets of any group in them:
   * the API tells calls apart by their paths, and a transaction names its topics in its bodies. Beside `grantProduce` of its topics, which it
   * describes, and what its consumer takes.
   * @throws Error where the API asks for tokens, or where the id would open others
   */
  grantTransactions(grantee: iam.IGrantable, transactionalId: string): iam.Grant {
    return this.#grantCalls(grantee, transactionCalls(idFor(transactionalId, 'transactional id')))
  }

  /**
   * Lets `grantee` alter and delete one topic and delete its records; without a topic: create, list, alter, delete
   * and read all of them, and all groups. @throws Error where the API asks for tokens
   */
  grantAdmin(grantee: iam.IGrantable, topic?: BrokerTopic | string): iam.Grant {
    if (topic === undefined) return this.#grantReading(grantee, ADMIN_CALLS)
    return this.#grantCalls(grantee, topicAdminCalls(topicNameFor(this, topic)))
  }

  /**
   * Lets `grantee` append to one topic with `openAws`, past API and functions: to the items and objects themselves. It may read the
   * names and configs of all topics. See docs/permissions.md.
   * @throws Error where the topic is another broker's, or what is given is no topic's id
   */
  grantDirectProduce(grantee: iam.IGrantable, topic: DirectTopic): void {
    grantDirectProduce(this, grantee, topic)
  }

  /**
   * Lets `grantee` read one topic with `openAws`, past API and functions, as a member of the group, if one is given. Of records that
   * have not settled it can read those of other topics too that lie in the same objects.
   * @throws Error where the topic is another broker's, what is given is no topic's id, or the group's id would open other groups
   */
  grantDirectConsume(grantee: iam.IGrantable, topic: DirectTopic, groupId?: string): void {
    grantDirectConsume(this, grantee, topic, groupId)
  }

  /**
   * Lets `grantee` put what an outbox makes into the broker's table, in transactions of its own, and nothing else. With the first one
   * comes what moves it into the logs.
   */
  grantOutbox(grantee: iam.IGrantable): iam.Grant {
    this.#relay ??= new OutboxRelay(this.#dispatchForAll(), {
      stores: { bucket: this.bucket, table: this.table },
      hasAlarms: this.#props.monitoring !== false,
      makeFunction: (...of) => this.#makeFunction(...of),
    })
    return grantOutbox(this.table, grantee)
  }

  /** @internal Two constructs of one name would be one topic, and deleting one would delete both. */
  claimTopicName(name: string): void {
    if (this.#topicNames.has(name)) {
      throw new Error(`${this.node.path} has a topic "${name}" already: give this one another topicName.`)
    }
    this.#topicNames.add(name)
  }

  /** @internal What delivers to functions, made with the first trigger: a broker without any stays as it is. */
  deliveryForTriggers(): TriggerDelivery {
    const { triggerMaxConcurrency: maxConcurrency, monitoring } = this.#props
    this.#delivery ??= new TriggerDelivery(this.#dispatchForAll(), {
      stores: { bucket: this.bucket, table: this.table },
      bootstrapServers: `${this.api.apiId}.execute-api.${Stack.of(this).region}.${Stack.of(this).urlSuffix}:443`,
      hasAlarms: monitoring !== false,
      ...(maxConcurrency !== undefined && { maxConcurrency }),
      makeFunction: (...of) => this.#makeFunction(...of),
    })
    return this.#delivery
  }

  #makeWaking(): Waking {
    const stores = { bucket: this.bucket, table: this.table }
    return new Waking(this, 'Waking', { stores, makeFunction: (...of) => this.#makeFunction(...of) })
  }

  /** Made with the first trigger, or with what wakes listeners. It has the name that it had when there were triggers only. */
  #dispatchForAll(): Dispatch {
    this.#dispatch ??= new Dispatch(this, 'Triggers', {
      stores: { bucket: this.bucket, table: this.table },
      waking: this.#waking,
      makeFunction: (...of) => this.#makeFunction(...of),
    })
    return this.#dispatch
  }

  #makeMaintainFunction(recoveryWindow: Duration): lambda.Function {
    const stores = { bucket: this.bucket, table: this.table }
    // All the time there is: a backlog is worked off in as few runs as possible.
    const timeout = Duration.millis(FUNCTION_RUN_MS_MAX)
    const made = this.#makeFunction(
      'Maintain',
      1024,
      timeout,
      maintainPermissions(stores),
      graceOf(recoveryWindow),
    )
    // What a run has left the next call takes up; one that failed would fail again at once.
    made.configureAsyncInvoke({ retryAttempts: 0 })
    // It calls itself where its time was too short. To Lambda that is a loop, which it would stop; this one ends with the backlog.
    const resource = made.node.defaultChild as lambda.CfnFunction
    resource.recursiveLoop = lambda.RecursiveLoop.ALLOW
    // Apart from the role's own policy, which is there before the function.
    new iam.Policy(this, 'MaintainItself', {
      statements: callPermissions(made.functionArn),
      roles: [made.role!],
    })
    return made
  }

  #makeFunction(
    name: FunctionTitle,
    memorySize: number,
    timeout: Duration,
    permissions: iam.PolicyStatement[],
    environment: Readonly<Record<string, string>> = {},
  ): lambda.Function {
    const { tracing = false, requestLog = false, bundles } = this.#props
    const logGroup = this.#makeLogGroup(`${name}Log`)
    // Inline, so that a role is never there without what it may do; and AWS's managed policy for functions would let
    // it write to every log group of the account.
    const role = new iam.Role(this, `${name}Role`, {
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
      description: `What the function "${name.toLowerCase()}" of ${this.node.path} may do`,
      inlinePolicies: {
        Permissions: new iam.PolicyDocument({ statements: [...permissions, ...logPermissions(logGroup)] }),
      },
    })
    const made = new lambda.Function(this, name, {
      description: `Tidemark: ${name.toLowerCase()}`,
      runtime: lambda.Runtime.NODEJS_24_X,
      architecture: lambda.Architecture.ARM_64,
      handler: 'index.handler',
      code: lambda.Code.fromAsset(join(bundles ?? findBundles(this), name.toLowerCase())),
      memorySize,
      timeout,
      role,
      logGroup,
      // Of Lambda's own lines, three an invocation, only those that warn.
      loggingFormat: lambda.LoggingFormat.JSON,
      systemLogLevelV2: requestLog ? lambda.SystemLogLevel.INFO : lambda.SystemLogLevel.WARN,
      tracing: tracing ? lambda.Tracing.ACTIVE : lambda.Tracing.DISABLED,
      environment: {
        TIDEMARK_TABLE: this.table.tableName,
        TIDEMARK_BUCKET: this.bucket.bucketName,
        ...(tracing && { POWERTOOLS_TRACE_ENABLED: 'true' }),
        ...(requestLog && { TIDEMARK_REQUEST_LOG: 'true' }),
        ...environment,
      },
    })
    if (tracing) {
      Validations.of(role).acknowledge({
        id: 'AwsSolutions-IAM5[Resource::*]',
        reason: 'X-Ray takes traces from anywhere in the account: its actions know no resources.',
      })
    }
    return made
  }

  #makeLogGroup(id: string): logs.LogGroup {
    const { logRetention: retention = logs.RetentionDays.ONE_MONTH } = this.#props
    return new logs.LogGroup(this, id, { retention, removalPolicy: RemovalPolicy.DESTROY })
  }

  /** Whoever reads may wait to be woken. @throws Error where the API asks for tokens */
  #grantReading(grantee: iam.IGrantable, calls: readonly string[]): iam.Grant {
    const granted = this.#grantCalls(grantee, calls)
    return this.#waking ? granted.combine(this.#waking.grantConnect(grantee)) : granted
  }

  /** @throws Error where the API asks for tokens */
  #grantCalls(grantee: iam.IGrantable, calls: readonly string[]): iam.Grant {
    if (this.#auth === 'iam') return grantCalls(this.api, grantee, calls)
    throw new Error(
      `${this.node.path} asks for tokens, so IAM cannot let anybody in: leave auth at 'iam' to use grants.`,
    )
  }
}
