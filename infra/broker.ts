import { join } from 'node:path'
import { Duration, RemovalPolicy, Stack, Token, Validations } from 'aws-cdk-lib'
import { AccessLogField, AccessLogFormat } from 'aws-cdk-lib/aws-apigateway'
import {
  HttpApi,
  HttpMethod,
  HttpRoute,
  HttpRouteKey,
  HttpStage,
  type IHttpRouteAuthorizer,
  LogGroupLogDestination,
} from 'aws-cdk-lib/aws-apigatewayv2'
import { HttpIamAuthorizer, HttpJwtAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers'
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations'
import type { Alarm } from 'aws-cdk-lib/aws-cloudwatch'
import { AttributeType, BillingMode, StreamViewType, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb'
import { Rule, Schedule } from 'aws-cdk-lib/aws-events'
import { LambdaFunction as LambdaTarget } from 'aws-cdk-lib/aws-events-targets'
import {
  Grant,
  type IGrantable,
  PolicyDocument,
  type PolicyStatement,
  Role,
  ServicePrincipal,
} from 'aws-cdk-lib/aws-iam'
import {
  Architecture,
  Code,
  EventSourceMapping,
  FilterCriteria,
  FilterRule,
  Function as LambdaFunction,
  Runtime,
  StartingPosition,
  Tracing,
} from 'aws-cdk-lib/aws-lambda'
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs'
import { BlockPublicAccess, Bucket, BucketEncryption, type IBucket } from 'aws-cdk-lib/aws-s3'
import { Construct } from 'constructs'
import { FLUSH_DEFAULT_MS, FUNCTION_TIMEOUT_MS } from '../src/core/limits.ts'
import { HEAD_KEY, KEY_ATTRIBUTES, PRODUCER_ATTRIBUTES, SEGMENT_PREFIX } from '../src/core/storage-layout.ts'
import { checkTopicName } from '../src/core/topic/topic-name.ts'
import { acknowledgeWildcard } from './acknowledge.ts'
import type { BrokerTopic } from './broker-topic.ts'
import { findBundles } from './bundles.ts'
import { Monitoring } from './monitoring.ts'
import {
  adminPermissions,
  fetchPermissions,
  flushPermissions,
  logPermissions,
  producePermissions,
  rebalancePermissions,
  type Stores,
  streamPermissions,
} from './permissions.ts'
import { ADMIN_CALLS, consumeCalls, groupCalls, produceCalls, ROUTES, topicAdminCalls } from './routes.ts'
import { TriggerDelivery } from './trigger-delivery.ts'

/** Nobody waits for a flush, and one that follows an outage has much to do. */
const FLUSH_TIMEOUT = Duration.minutes(2)
/** How often all partitions are looked through for payloads that no event of the stream has moved. */
const FLUSH_SCAN_INTERVAL = Duration.minutes(15)

/** Whom the API lets in. Nothing is open, /health neither: whoever may call it makes you pay for a function. */
export type BrokerAuth =
  /** AWS's own signatures (SigV4). Who may do what is said by `grantProduce` and its like. */
  | 'iam'
  /** Tokens of an OpenID Connect provider. Whoever has a valid one may do everything. */
  | { readonly jwt: { readonly issuer: string; readonly audience: string | readonly string[] } }

export interface TidemarkBrokerProps {
  /**
   * Whether the data is worth more than a clean tear-down. true: table and bucket outlive the stack, and the table
   * cannot be deleted before its deletion protection is taken off. false: deleting the stack deletes all records.
   * Default: true.
   */
  readonly production?: boolean
  /** Default: 'iam'. */
  readonly auth?: BrokerAuth
  /**
   * How long the flush function gathers changes before it moves payloads from the table into a shared object.
   * Longer means fewer and larger objects. At most 5 minutes. Default: 5 seconds.
   */
  readonly flushWindow?: Duration
  /** Of the functions and of the API's access log. Default: one month. */
  readonly logRetention?: RetentionDays
  /** Alarms and a dashboard. A dashboard costs $3 a month where an account has three already. Default: true. */
  readonly monitoring?: boolean
  /** Traces through X-Ray. Makes cold starts slower. Default: false. */
  readonly tracing?: boolean
  /** Where S3 logs who read and wrote objects. Default: nowhere, since only the functions do. */
  readonly serverAccessLogsBucket?: IBucket
  /**
   * How many partitions are delivered to functions at the same time at most, all triggers together: 2 to 1,000.
   * Default: as many as the account's concurrency allows.
   */
  readonly triggerMaxConcurrency?: number
  /** A directory with `<function>/index.mjs` for each function. Default: the bundles of this package. */
  readonly bundles?: string
}

/** A broker: a bucket, a table, five functions and an HTTP API. Costs next to nothing while nobody uses it. */
export class TidemarkBroker extends Construct {
  readonly bucket: Bucket
  readonly table: Table
  readonly produceFunction: LambdaFunction
  readonly fetchFunction: LambdaFunction
  readonly flushFunction: LambdaFunction
  readonly rebalanceFunction: LambdaFunction
  readonly adminFunction: LambdaFunction
  readonly api: HttpApi
  /** What `--broker` takes. */
  readonly apiUrl: string
  readonly isProduction: boolean

  readonly #auth: BrokerAuth
  readonly #props: TidemarkBrokerProps
  readonly #alarms: readonly Alarm[]
  readonly #topicNames = new Set<string>()
  #delivery: TriggerDelivery | undefined

  constructor(scope: Construct, id: string, props: TidemarkBrokerProps = {}) {
    super(scope, id)
    this.isProduction = props.production ?? true
    this.#auth = props.auth ?? 'iam'
    this.#props = props
    this.bucket = this.#makeBucket(props)
    this.table = this.#makeTable()
    const stores = { bucket: this.bucket, table: this.table }
    const timeout = Duration.millis(FUNCTION_TIMEOUT_MS)

    // Processor time comes with memory, and both are paid by the millisecond: where bytes are checked and encoded,
    // more of it costs the same and answers sooner. The others mostly wait for the table.
    this.produceFunction = this.#makeFunction('Produce', 1024, timeout, producePermissions(stores))
    this.fetchFunction = this.#makeFunction('Fetch', 1024, timeout, fetchPermissions(stores))
    this.flushFunction = this.#makeFunction('Flush', 512, FLUSH_TIMEOUT, [
      ...flushPermissions(stores),
      ...streamPermissions(stores),
    ])
    this.rebalanceFunction = this.#makeFunction('Rebalance', 512, timeout, rebalancePermissions(stores))
    this.adminFunction = this.#makeFunction('Admin', 512, timeout, adminPermissions(stores))
    this.#acknowledgeWildcards(stores)

    this.#flushOnChanges(props.flushWindow ?? Duration.millis(FLUSH_DEFAULT_MS))
    this.api = this.#makeApi(props)
    this.apiUrl = this.api.apiEndpoint
    this.#alarms =
      props.monitoring === false
        ? []
        : new Monitoring(this, 'Monitoring', {
            api: this.api,
            table: this.table,
            functions: {
              produce: this.produceFunction,
              fetch: this.fetchFunction,
              flush: this.flushFunction,
              rebalance: this.rebalanceFunction,
              admin: this.adminFunction,
            },
          }).alarms
  }

  /** Without actions: give them yours. Empty where `monitoring` is false; more with the first trigger. */
  get alarms(): readonly Alarm[] {
    return [...this.#alarms, ...(this.#delivery?.alarms ?? [])]
  }

  /** Lets `grantee` append to one topic through the API. @throws Error where the API asks for tokens */
  grantProduce(grantee: IGrantable, topic: BrokerTopic | string): Grant {
    return this.#grantCalls(grantee, produceCalls(this.#nameOf(topic)))
  }

  /** Lets `grantee` read one topic through the API. @throws Error where the API asks for tokens */
  grantConsume(grantee: IGrantable, topic: BrokerTopic | string): Grant {
    return this.#grantCalls(grantee, consumeCalls(this.#nameOf(topic)))
  }

  /**
   * Lets `grantee` be a member of one group through the API. What it reads, `grantConsume` lets it.
   * @throws Error where the API asks for tokens, or where the id would open other groups
   */
  grantGroup(grantee: IGrantable, groupId: string): Grant {
    if (!Token.isUnresolved(groupId) && !/^[\w.-]+$/.test(groupId)) {
      throw new Error(`A grant is for a group id of letters, digits, ".", "_" and "-", not ${groupId}.`)
    }
    return this.#grantCalls(grantee, groupCalls(groupId))
  }

  /**
   * Lets `grantee` alter and delete one topic and delete its records; without a topic: create, list, alter, delete
   * and read all of them, and all groups. @throws Error where the API asks for tokens
   */
  grantAdmin(grantee: IGrantable, topic?: BrokerTopic | string): Grant {
    return this.#grantCalls(grantee, topic === undefined ? ADMIN_CALLS : topicAdminCalls(this.#nameOf(topic)))
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
    this.#delivery ??= new TriggerDelivery(this, 'Triggers', {
      stores: { bucket: this.bucket, table: this.table },
      bootstrapServers: `${this.api.apiId}.execute-api.${Stack.of(this).region}.${Stack.of(this).urlSuffix}:443`,
      hasAlarms: monitoring !== false,
      ...(maxConcurrency !== undefined && { maxConcurrency }),
      makeFunction: (...of) => this.#makeFunction(...of),
    })
    return this.#delivery
  }

  #makeBucket({ serverAccessLogsBucket }: TidemarkBrokerProps): Bucket {
    const bucket = new Bucket(this, 'Bucket', {
      encryption: BucketEncryption.S3_MANAGED,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      // Objects never change, so a second version of one would be a copy that somebody pays for.
      versioned: false,
      lifecycleRules: [{ id: 'UnfinishedUploads', abortIncompleteMultipartUploadAfter: Duration.days(1) }],
      ...(serverAccessLogsBucket && { serverAccessLogsBucket }),
      ...(this.isProduction
        ? { removalPolicy: RemovalPolicy.RETAIN }
        : { removalPolicy: RemovalPolicy.DESTROY, autoDeleteObjects: true }),
    })
    if (!serverAccessLogsBucket) {
      Validations.of(bucket).acknowledge({
        id: 'AwsSolutions-S1',
        reason:
          'Only the functions read and write objects, and the API logs who called them. A log of each request to S3 ' +
          'would be a second bucket that costs more than it tells; serverAccessLogsBucket turns it on.',
      })
    }
    return bucket
  }

  #makeTable(): Table {
    return new Table(this, 'Table', {
      partitionKey: { name: KEY_ATTRIBUTES.partition, type: AttributeType.STRING },
      sortKey: { name: KEY_ATTRIBUTES.sort, type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      encryption: TableEncryption.DEFAULT,
      // Items of producers that have been silent for a day.
      timeToLiveAttribute: PRODUCER_ATTRIBUTES.expirySeconds,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      // The flush function reads the head itself: what it decides from must not be out of date.
      stream: StreamViewType.KEYS_ONLY,
      deletionProtection: this.isProduction,
      removalPolicy: this.isProduction ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    })
  }

  #makeFunction(
    name: 'Produce' | 'Fetch' | 'Flush' | 'Rebalance' | 'Admin' | 'Dispatch' | 'Deliver',
    memorySize: number,
    timeout: Duration,
    permissions: PolicyStatement[],
    environment: Readonly<Record<string, string>> = {},
  ): LambdaFunction {
    const { logRetention = RetentionDays.ONE_MONTH, tracing = false, bundles } = this.#props
    const logGroup = this.#makeLogGroup(`${name}Log`, logRetention)
    // Inline, so that a role is never there without what it may do; and AWS's managed policy for functions would let
    // it write to every log group of the account.
    const role = new Role(this, `${name}Role`, {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      description: `What the function "${name.toLowerCase()}" of ${this.node.path} may do`,
      inlinePolicies: {
        Permissions: new PolicyDocument({ statements: [...permissions, ...logPermissions(logGroup)] }),
      },
    })
    const made = new LambdaFunction(this, name, {
      description: `Tidemark: ${name.toLowerCase()}`,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      handler: 'index.handler',
      code: Code.fromAsset(join(bundles ?? findBundles(this), name.toLowerCase())),
      memorySize,
      timeout,
      role,
      logGroup,
      tracing: tracing ? Tracing.ACTIVE : Tracing.DISABLED,
      environment: {
        TIDEMARK_TABLE: this.table.tableName,
        TIDEMARK_BUCKET: this.bucket.bucketName,
        ...(tracing && { POWERTOOLS_TRACE_ENABLED: 'true' }),
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

  #makeLogGroup(id: string, retention: RetentionDays): LogGroup {
    return new LogGroup(this, id, { retention, removalPolicy: RemovalPolicy.DESTROY })
  }

  #acknowledgeWildcards({ bucket, table }: Stores): void {
    const segments =
      'Segments are named at random: all of a broker is one prefix, and this role may reach no other.'
    for (const each of [this.produceFunction, this.fetchFunction, this.flushFunction]) {
      acknowledgeWildcard(each.role!, bucket, `/${SEGMENT_PREFIX}*`, segments)
    }
    acknowledgeWildcard(
      this.flushFunction.role!,
      table,
      '/stream/*',
      'A table has one stream. Lambda asks for ListStreams, which AWS grants by table and not by stream.',
    )
  }

  /** On the table's stream, and on a schedule for what the stream has missed. */
  #flushOnChanges(maxBatchingWindow: Duration): void {
    new EventSourceMapping(this, 'FlushOnChange', {
      target: this.flushFunction,
      eventSourceArn: this.table.tableStreamArn!,
      startingPosition: StartingPosition.TRIM_HORIZON,
      // As much as Lambda gives: each invocation makes one object of all that changed meanwhile.
      batchSize: 10_000,
      maxBatchingWindow,
      // A head that was just made is empty, and one that is removed has nothing left.
      filters: [
        FilterCriteria.filter({
          eventName: FilterRule.isEqual('MODIFY'),
          dynamodb: { Keys: { [KEY_ATTRIBUTES.sort]: { S: FilterRule.isEqual(HEAD_KEY) } } },
        }),
      ],
      bisectBatchOnError: true,
      // The handler fails only when a store does. Then later changes and the schedule do the same work anyway.
      retryAttempts: 5,
    })
    new Rule(this, 'FlushOnSchedule', {
      description: 'Moves what the stream has missed from the table into objects',
      schedule: Schedule.rate(FLUSH_SCAN_INTERVAL),
      targets: [new LambdaTarget(this.flushFunction)],
    })
  }

  #makeApi({ logRetention = RetentionDays.ONE_MONTH }: TidemarkBrokerProps): HttpApi {
    const api = new HttpApi(this, 'Api', {
      apiName: this.node.path.replaceAll('/', '-'),
      description: 'Tidemark: an event log',
      createDefaultStage: false,
      defaultAuthorizer: this.#makeAuthorizer(),
    })
    new HttpStage(this, 'Stage', {
      httpApi: api,
      stageName: '$default',
      autoDeploy: true,
      accessLogSettings: {
        destination: new LogGroupLogDestination(this.#makeLogGroup('ApiLog', logRetention)),
        format: accessLogFormat(this.#auth),
      },
    })
    const integrations = {
      produce: new HttpLambdaIntegration('Produce', this.produceFunction),
      fetch: new HttpLambdaIntegration('Fetch', this.fetchFunction),
      rebalance: new HttpLambdaIntegration('Rebalance', this.rebalanceFunction),
      admin: new HttpLambdaIntegration('Admin', this.adminFunction),
    }
    for (const { method, path, servedBy } of ROUTES) {
      api.addRoutes({ path, methods: [HttpMethod[method]], integration: integrations[servedBy] })
    }
    new HttpRoute(this, 'OtherRequests', {
      httpApi: api,
      routeKey: HttpRouteKey.DEFAULT,
      integration: integrations.admin,
    })
    return api
  }

  #makeAuthorizer(): IHttpRouteAuthorizer {
    if (this.#auth === 'iam') return new HttpIamAuthorizer()
    const { issuer, audience } = this.#auth.jwt
    return new HttpJwtAuthorizer('Jwt', issuer, { jwtAudience: [audience].flat() })
  }

  #nameOf(topic: BrokerTopic | string): string {
    if (typeof topic === 'string') {
      // A * in a name would open other topics.
      if (!Token.isUnresolved(topic)) checkTopicName(topic)
      return topic
    }
    if (topic.broker !== this) {
      throw new Error(`${topic.node.path} is a topic of ${topic.broker.node.path}, not of ${this.node.path}.`)
    }
    return topic.topicName
  }

  #grantCalls(grantee: IGrantable, calls: readonly string[]): Grant {
    if (this.#auth !== 'iam') {
      throw new Error(
        `${this.node.path} asks for tokens, so IAM cannot let anybody in: leave auth at 'iam' to use grants.`,
      )
    }
    return Grant.addToPrincipal({
      grantee,
      actions: ['execute-api:Invoke'],
      // The API has one stage, $default; the * spares the question of how IAM reads a $.
      resourceArns: calls.map(call =>
        Stack.of(this).formatArn({
          service: 'execute-api',
          resource: this.api.apiId,
          resourceName: `*/${call}`,
        }),
      ),
    })
  }
}

/** JSON, so that CloudWatch Logs Insights knows the fields. Who called is what an audit asks for. */
function accessLogFormat(auth: BrokerAuth): AccessLogFormat {
  return AccessLogFormat.custom(
    JSON.stringify({
      requestId: AccessLogField.contextRequestId(),
      time: AccessLogField.contextRequestTime(),
      caller:
        auth === 'iam'
          ? AccessLogField.contextIdentityUserArn()
          : AccessLogField.contextAuthorizerClaims('sub'),
      sourceIp: AccessLogField.contextIdentitySourceIp(),
      method: AccessLogField.contextHttpMethod(),
      path: AccessLogField.contextPath(),
      status: AccessLogField.contextStatus(),
      responseBytes: AccessLogField.contextResponseLength(),
      latencyMs: AccessLogField.contextResponseLatency(),
      error: AccessLogField.contextErrorMessage(),
    }),
  )
}
