import { Duration } from 'aws-cdk-lib'
import type { Template } from 'aws-cdk-lib/assertions'
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { RetentionDays } from 'aws-cdk-lib/aws-logs'
import { Bucket } from 'aws-cdk-lib/aws-s3'
import { describe, expect, test } from 'vitest'
import { TidemarkBroker, type TidemarkBrokerProps } from '../../infra/index.ts'
import { API_GATEWAY_TIMEOUT_MS, FUNCTION_RUN_MS_MAX, FUNCTION_TIMEOUT_MS } from '../../src/core/limits.ts'
import { asText, BUNDLES, permissionsIn, resourcesOf, synthesize, theResource } from './synthesis.ts'

/** What is beside it where consumers are woken, waking.test.ts tells. */
function brokerOf(props: TidemarkBrokerProps = {}): Template {
  return synthesize(stack => {
    new TidemarkBroker(stack, 'Broker', { bundles: BUNDLES, waking: false, ...props })
  })
}

const production = brokerOf()
const trial = brokerOf({ production: false })

test("an app of one's own tells what the command line reads", () => {
  const template = synthesize(stack => {
    const broker = new TidemarkBroker(stack, 'Events', { bundles: BUNDLES, monitoring: false })
    broker.addOutputs()
  })
  const outputs = template.findOutputs('*')
  expect(Object.keys(outputs).toSorted()).toEqual(['ApiUrl', 'BucketName', 'Region', 'TableName'])
  expect(asText(outputs.TableName?.Value)).toMatch(/^<EventsTable/)
})

describe('the bucket', () => {
  test('is private, encrypted, without versions, and cleans up after broken uploads', () => {
    expect(theResource(production, 'AWS::S3::Bucket').Properties).toEqual({
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
      },
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      LifecycleConfiguration: {
        Rules: [
          {
            Id: 'UnfinishedUploads',
            Status: 'Enabled',
            AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
          },
        ],
      },
    })
  })

  test('refuses what does not come over TLS, and lets nobody in by its policy', () => {
    expect(permissionsIn(theResource(production, 'AWS::S3::BucketPolicy').Properties.PolicyDocument)).toEqual(
      [
        'Deny s3:* <BrokerBucket.Arn> if {"Bool":{"aws:SecureTransport":"false"}}',
        'Deny s3:* <BrokerBucket.Arn>/* if {"Bool":{"aws:SecureTransport":"false"}}',
      ],
    )
  })

  test('logs who reads it where somebody wants that', () => {
    const template = synthesize(stack => {
      const serverAccessLogsBucket = Bucket.fromBucketName(stack, 'Logs', 'logs')
      new TidemarkBroker(stack, 'Broker', { bundles: BUNDLES, serverAccessLogsBucket })
    })
    const { Properties } = theResource(template, 'AWS::S3::Bucket')
    expect(Properties.LoggingConfiguration.DestinationBucketName).toBe('logs')
  })
})

describe('the table', () => {
  test('has the keys, is paid by use, can be restored, and tells of changes', () => {
    expect(theResource(production, 'AWS::DynamoDB::Table').Properties).toEqual({
      AttributeDefinitions: [
        { AttributeName: 'pk', AttributeType: 'S' },
        { AttributeName: 'sk', AttributeType: 'S' },
      ],
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      BillingMode: 'PAY_PER_REQUEST',
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      SSESpecification: { SSEEnabled: false },
      StreamSpecification: { StreamViewType: 'KEYS_ONLY' },
      TimeToLiveSpecification: { AttributeName: 'expirySeconds', Enabled: true },
      DeletionProtectionEnabled: true,
    })
  })
})

describe('when its stack is deleted, a broker', () => {
  test('in production keeps table and bucket', () => {
    expect(theResource(production, 'AWS::DynamoDB::Table').DeletionPolicy).toBe('Retain')
    expect(theResource(production, 'AWS::S3::Bucket').DeletionPolicy).toBe('Retain')
    production.resourceCountIs('Custom::S3AutoDeleteObjects', 0)
  })

  test('on trial leaves nothing', () => {
    const table = theResource(trial, 'AWS::DynamoDB::Table')
    expect(table.DeletionPolicy).toBe('Delete')
    expect(table.Properties.DeletionProtectionEnabled).toBe(false)
    expect(theResource(trial, 'AWS::S3::Bucket').DeletionPolicy).toBe('Delete')
    trial.resourceCountIs('Custom::S3AutoDeleteObjects', 1)
    for (const { DeletionPolicy } of Object.values(resourcesOf(trial, 'AWS::Logs::LogGroup'))) {
      expect(DeletionPolicy).toBe('Delete')
    }
  })
})

describe('the functions', () => {
  const functions = Object.entries(resourcesOf(production, 'AWS::Lambda::Function'))

  test('are six, on Node 24 and arm64, and know their table and bucket', () => {
    expect(functions).toHaveLength(6)
    const more: Record<string, string[]> = {
      flush: ['TIDEMARK_MAINTAIN', 'TIDEMARK_GRACE_MS'],
      maintain: ['TIDEMARK_GRACE_MS'],
    }
    for (const [, { Properties }] of functions) {
      expect(Properties).toMatchObject({
        Runtime: 'nodejs24.x',
        Architectures: ['arm64'],
        Handler: 'index.handler',
      })
      expect(Object.keys(Properties.Environment.Variables)).toEqual([
        'TIDEMARK_TABLE',
        'TIDEMARK_BUCKET',
        ...(more[Properties.Description.replace('Tidemark: ', '')] ?? []),
      ])
      expect(asText(Properties.Environment.Variables.TIDEMARK_TABLE)).toBe('<BrokerTable>')
      expect(asText(Properties.Environment.Variables.TIDEMARK_BUCKET)).toBe('<BrokerBucket>')
    }
  })

  test('behind the API end before the API gives up', () => {
    for (const name of ['Produce', 'Fetch', 'Rebalance', 'Admin']) {
      const { Timeout } = theResource(production, 'AWS::Lambda::Function', `Broker${name}`).Properties
      expect(Timeout * 1000).toBe(FUNCTION_TIMEOUT_MS)
      expect(Timeout * 1000).toBeLessThan(API_GATEWAY_TIMEOUT_MS)
    }
  })

  test('have logs that end', () => {
    const retentions = (template: Template) =>
      Object.values(resourcesOf(template, 'AWS::Logs::LogGroup')).map(each => each.Properties.RetentionInDays)
    expect(retentions(production)).toEqual([30, 30, 30, 30, 30, 30, 30])
    expect(retentions(brokerOf({ logRetention: RetentionDays.ONE_WEEK }))).toEqual([7, 7, 7, 7, 7, 7, 7])
  })

  test('send traces only where somebody wants them', () => {
    const traced = brokerOf({ tracing: true })
    for (const { Properties } of Object.values(resourcesOf(traced, 'AWS::Lambda::Function'))) {
      expect(Properties.TracingConfig).toEqual({ Mode: 'Active' })
      expect(Properties.Environment.Variables.POWERTOOLS_TRACE_ENABLED).toBe('true')
    }
    for (const [, { Properties }] of functions) expect(Properties.TracingConfig).toBeUndefined()
  })
})

describe('the maintain function', () => {
  const { Properties } = theResource(production, 'AWS::Lambda::Function', 'BrokerMaintain')

  test('has all the time there is, and is the only one that may call itself again and again', () => {
    expect(Properties.Timeout * 1000).toBe(FUNCTION_RUN_MS_MAX)
    expect(Properties.RecursiveLoop).toBe('Allow')
    const loops = Object.values(resourcesOf(production, 'AWS::Lambda::Function')).filter(
      each => each.Properties.RecursiveLoop === 'Allow',
    )
    expect(loops).toHaveLength(1)
  })

  test('is called by no schedule and by no stream, and not again where it failed', () => {
    const callers = ['AWS::Lambda::EventSourceMapping', 'AWS::Events::Rule'].flatMap(type =>
      Object.values(resourcesOf(production, type)).map(each => JSON.stringify(each.Properties)),
    )
    expect(callers.filter(each => each.includes('BrokerMaintain'))).toEqual([])
    const invoked = theResource(production, 'AWS::Lambda::EventInvokeConfig').Properties
    expect(asText(invoked.FunctionName)).toBe('<BrokerMaintain>')
    expect(invoked.MaximumRetryAttempts).toBe(0)
  })

  test('leaves objects for a day after nothing needs them, or as long as it is told, which it shares with the flush function', () => {
    const graces = (template: Template) =>
      ['BrokerMaintain', 'BrokerFlush'].map(
        id =>
          theResource(template, 'AWS::Lambda::Function', id).Properties.Environment.Variables
            .TIDEMARK_GRACE_MS,
      )
    expect(graces(production)).toEqual(['86400000', '86400000'])
    expect(graces(brokerOf({ recoveryWindow: Duration.days(7) }))).toEqual(['604800000', '604800000'])
    expect(() => brokerOf({ recoveryWindow: Duration.minutes(59) })).toThrow(
      'recoveryWindow is 60 minutes or more',
    )
  })
})

describe('the flush function', () => {
  test('wakes up for changed heads, gathered for as long as a payload may stay in the table', () => {
    const { Properties } = theResource(production, 'AWS::Lambda::EventSourceMapping')
    expect({
      ...Properties,
      EventSourceArn: asText(Properties.EventSourceArn),
      FunctionName: asText(Properties.FunctionName),
      FilterCriteria: JSON.parse(Properties.FilterCriteria.Filters[0].Pattern),
    }).toEqual({
      EventSourceArn: '<BrokerTable.StreamArn>',
      FunctionName: '<BrokerFlush>',
      FilterCriteria: { eventName: ['MODIFY'], dynamodb: { Keys: { sk: { S: ['head'] } } } },
      StartingPosition: 'TRIM_HORIZON',
      BatchSize: 10_000,
      MaximumBatchingWindowInSeconds: 60,
      BisectBatchOnFunctionError: true,
      MaximumRetryAttempts: 5,
    })
  })

  test('gathers for longer where somebody wants fewer objects', () => {
    brokerOf({ flushWindow: Duration.seconds(5) }).hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      MaximumBatchingWindowInSeconds: 5,
    })
  })

  test('looks through everything every quarter of an hour', () => {
    const { Properties } = theResource(production, 'AWS::Events::Rule')
    expect(Properties.ScheduleExpression).toBe('rate(15 minutes)')
    expect(Properties.State).toBe('ENABLED')
    expect(Properties.Targets.map((each: { Arn: unknown }) => asText(each.Arn))).toEqual([
      '<BrokerFlush.Arn>',
    ])
  })
})

describe('the API', () => {
  /** `route: authorization -> function`. */
  function routesOf(template: Template): string[] {
    const integrations = resourcesOf(template, 'AWS::ApiGatewayV2::Integration')
    return Object.values(resourcesOf(template, 'AWS::ApiGatewayV2::Route'))
      .map(({ Properties: { RouteKey, AuthorizationType, Target } }) => {
        const integration = integrations[Target['Fn::Join'][1][1].Ref]!
        return `${RouteKey}: ${AuthorizationType} -> ${asText(integration.Properties.IntegrationUri)}`
      })
      .sort()
  }

  const routes = [
    '$default -> <BrokerAdmin.Arn>',
    'DELETE /topics/{topic} -> <BrokerAdmin.Arn>',
    'POST /groups/{groupId}/heartbeat -> <BrokerRebalance.Arn>',
    'DELETE /groups/{groupId}/members/{memberId} -> <BrokerRebalance.Arn>',
    'POST /groups/{groupId}/offsets -> <BrokerRebalance.Arn>',
    'GET /groups/{groupId}/offsets -> <BrokerRebalance.Arn>',
    'GET /groups -> <BrokerRebalance.Arn>',
    'GET /groups/{groupId} -> <BrokerRebalance.Arn>',
    'DELETE /groups/{groupId} -> <BrokerRebalance.Arn>',
    'GET /transactions -> <BrokerRebalance.Arn>',
    'GET /transactions/{transactionalId} -> <BrokerRebalance.Arn>',
    'DELETE /transactions/{transactionalId} -> <BrokerRebalance.Arn>',
    'POST /transactions/{transactionalId} -> <BrokerRebalance.Arn>',
    'POST /transactions/{transactionalId}/batches -> <BrokerRebalance.Arn>',
    'POST /transactions/{transactionalId}/end -> <BrokerRebalance.Arn>',
    'POST /transactions/{transactionalId}/offsets -> <BrokerRebalance.Arn>',
    'POST /transactions/{transactionalId}/partitions -> <BrokerRebalance.Arn>',
    'GET /triggers -> <BrokerRebalance.Arn>',
    'POST /groups/{groupId}/triggers/{topic}/pause -> <BrokerRebalance.Arn>',
    'POST /groups/{groupId}/triggers/{topic}/resume -> <BrokerRebalance.Arn>',
    'DELETE /groups/{groupId}/triggers/{topic} -> <BrokerRebalance.Arn>',
    'DELETE /topics/{topic}/partitions/{partition}/records -> <BrokerAdmin.Arn>',
    'GET /health -> <BrokerAdmin.Arn>',
    'GET /openapi.json -> <BrokerAdmin.Arn>',
    'GET /topics -> <BrokerAdmin.Arn>',
    'GET /topics/{topic} -> <BrokerAdmin.Arn>',
    'GET /topics/{topic}/partitions/{partition}/offsets -> <BrokerFetch.Arn>',
    'GET /topics/{topic}/partitions/{partition}/records -> <BrokerFetch.Arn>',
    'PATCH /topics/{topic} -> <BrokerAdmin.Arn>',
    'POST /fetch -> <BrokerFetch.Arn>',
    'POST /topics/{topic}/fetch -> <BrokerFetch.Arn>',
    'POST /topics -> <BrokerAdmin.Arn>',
    'POST /topics/{topic}/records -> <BrokerProduce.Arn>',
  ]

  test('asks for signatures on every route', () => {
    expect(routesOf(production).sort()).toEqual(
      routes.map(route => route.replace(' ->', ': AWS_IAM ->')).sort(),
    )
    production.resourceCountIs('AWS::ApiGatewayV2::Authorizer', 0)
  })

  test('asks for tokens on every route where it is told to', () => {
    const jwt = { issuer: 'https://login.example.com', audience: ['tidemark', 'other'] }
    const template = brokerOf({ auth: { jwt } })
    expect(routesOf(template).sort()).toEqual(routes.map(route => route.replace(' ->', ': JWT ->')).sort())
    template.hasResourceProperties('AWS::ApiGatewayV2::Authorizer', {
      AuthorizerType: 'JWT',
      IdentitySource: ['$request.header.Authorization'],
      JwtConfiguration: { Audience: ['tidemark', 'other'], Issuer: 'https://login.example.com' },
    })
  })

  test('hands events of the second format to its functions', () => {
    for (const { Properties } of Object.values(resourcesOf(production, 'AWS::ApiGatewayV2::Integration'))) {
      expect(Properties).toMatchObject({ IntegrationType: 'AWS_PROXY', PayloadFormatVersion: '2.0' })
    }
  })

  test('logs who called what', () => {
    const { Properties } = theResource(production, 'AWS::ApiGatewayV2::Stage')
    expect(Properties).toMatchObject({ StageName: '$default', AutoDeploy: true })
    expect(asText(Properties.AccessLogSettings.DestinationArn)).toBe('<BrokerApiLog.Arn>')
    const format = JSON.parse(Properties.AccessLogSettings.Format)
    expect(format).toMatchObject({ caller: '$context.identity.userArn', path: '$context.path' })
    const jwt = brokerOf({ auth: { jwt: { issuer: 'https://login.example.com', audience: 'tidemark' } } })
    const byToken = theResource(jwt, 'AWS::ApiGatewayV2::Stage').Properties.AccessLogSettings.Format
    expect(JSON.parse(byToken).caller).toBe('$context.authorizer.claims.sub')
    const silent = brokerOf({ accessLog: false })
    expect(theResource(silent, 'AWS::ApiGatewayV2::Stage').Properties.AccessLogSettings).toBeUndefined()
    expect(
      Object.keys(resourcesOf(silent, 'AWS::Logs::LogGroup')).filter(id => id.includes('ApiLog')),
    ).toEqual([])
  })
})

describe('a URL of the produce function', () => {
  test('is there for those who want it, and asks for signatures', () => {
    production.resourceCountIs('AWS::Lambda::Url', 0)
    const template = synthesize(stack => {
      const broker = new TidemarkBroker(stack, 'Broker', { bundles: BUNDLES, produceUrl: true })
      broker.addOutputs()
      broker.grantProduceUrl(
        new Role(stack, 'Writer', { assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com') }),
      )
    })
    expect(theResource(template, 'AWS::Lambda::Url').Properties).toMatchObject({ AuthType: 'AWS_IAM' })
    template.hasOutput('ProduceUrl', {})
    const policy = theResource(template, 'AWS::IAM::Policy', 'Writer').Properties.PolicyDocument
    expect(permissionsIn(policy)).toEqual([
      'lambda:InvokeFunction <BrokerProduce.Arn> if {"Bool":{"lambda:InvokedViaFunctionUrl":"true"}}',
      'lambda:InvokeFunctionUrl <BrokerProduce.Arn> if {"StringEquals":{"lambda:FunctionUrlAuthType":"AWS_IAM"}}',
    ])
  })

  test('cannot be granted where there is none', () => {
    synthesize(stack => {
      const broker = new TidemarkBroker(stack, 'Broker', { bundles: BUNDLES })
      const role = new Role(stack, 'Writer', { assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com') })
      expect(() => broker.grantProduceUrl(role)).toThrow('make it with produceUrl')
    })
  })
})

describe('logs of functions', () => {
  const brokersFunctions = (template: Template) =>
    Object.fromEntries(
      Object.entries(resourcesOf(template, 'AWS::Lambda::Function')).filter(([id]) =>
        id.startsWith('Broker'),
      ),
    )

  test('have none of the lines that Lambda writes about each invocation', () => {
    for (const [name, { Properties }] of Object.entries(brokersFunctions(production))) {
      expect(Properties.LoggingConfig, name).toMatchObject({ LogFormat: 'JSON', SystemLogLevel: 'WARN' })
      // At a higher level Lambda would drop the metrics, which say of themselves no level.
      expect(Properties.LoggingConfig.ApplicationLogLevel, name).toBeUndefined()
      expect(Properties.Environment.Variables.TIDEMARK_REQUEST_LOG, name).toBeUndefined()
    }
  })

  test('have them, and a line for each request, where somebody wants them', () => {
    for (const [name, { Properties }] of Object.entries(brokersFunctions(brokerOf({ requestLog: true })))) {
      expect(Properties.LoggingConfig, name).toMatchObject({ LogFormat: 'JSON', SystemLogLevel: 'INFO' })
      expect(Properties.Environment.Variables, name).toMatchObject({ TIDEMARK_REQUEST_LOG: 'true' })
    }
  })
})

describe('alarms', () => {
  test('ring for crashes, for missing concurrency, and when flushing falls behind', () => {
    const alarms = Object.values(resourcesOf(production, 'AWS::CloudWatch::Alarm'))
    const summary = alarms.map(({ Properties }) => {
      const of = Properties.Dimensions.map((each: { Value: unknown }) => asText(each.Value)).join()
      return `${Properties.Namespace} ${Properties.MetricName} of ${of} ${Properties.ComparisonOperator} ${Properties.Threshold}`
    })
    expect(summary.sort()).toEqual([
      'AWS/ApiGateway 5xx of <BrokerApi> GreaterThanOrEqualToThreshold 1',
      'AWS/Lambda Errors of <BrokerFetch> GreaterThanOrEqualToThreshold 1',
      'AWS/Lambda Errors of <BrokerFlush> GreaterThanOrEqualToThreshold 1',
      'AWS/Lambda Errors of <BrokerProduce> GreaterThanOrEqualToThreshold 1',
      'AWS/Lambda Errors of <BrokerRebalance> GreaterThanOrEqualToThreshold 1',
      'AWS/Lambda IteratorAge of <BrokerFlush> GreaterThanOrEqualToThreshold 120000',
      'AWS/Lambda Throttles of <BrokerFetch> GreaterThanOrEqualToThreshold 1',
      'AWS/Lambda Throttles of <BrokerFlush> GreaterThanOrEqualToThreshold 1',
      'AWS/Lambda Throttles of <BrokerProduce> GreaterThanOrEqualToThreshold 1',
      'Tidemark SettlingFailures of <BrokerTable>,settling GreaterThanOrEqualToThreshold 1',
    ])
    for (const { Properties } of alarms) {
      expect(Properties).toMatchObject({
        TreatMissingData: 'notBreaching',
        AlarmDescription: expect.any(String),
      })
    }
  })

  test('and the dashboard can be left out', () => {
    production.resourceCountIs('AWS::CloudWatch::Dashboard', 1)
    const silent = brokerOf({ monitoring: false })
    silent.resourceCountIs('AWS::CloudWatch::Alarm', 0)
    silent.resourceCountIs('AWS::CloudWatch::Dashboard', 0)
  })
})

describe('two brokers', () => {
  const template = synthesize(stack => {
    new TidemarkBroker(stack, 'Near', { bundles: BUNDLES, production: false })
    new TidemarkBroker(stack, 'Far', { bundles: BUNDLES, production: false })
  })

  test('in one stack share nothing but what empties buckets', () => {
    template.resourceCountIs('AWS::DynamoDB::Table', 2)
    template.resourceCountIs('AWS::ApiGatewayV2::Api', 2)
    template.resourceCountIs('AWS::Lambda::Function', 2 * 6 + 1)
    for (const [id, role] of Object.entries(resourcesOf(template, 'AWS::IAM::Role'))) {
      if (id.startsWith('CustomS3AutoDelete')) continue
      const other = id.startsWith('Near') ? 'Far' : 'Near'
      expect(JSON.stringify(role.Properties.Policies)).not.toContain(`"${other}`)
    }
  })

  test('look at their own metrics only, which functions publish with these dimensions', () => {
    for (const [id, alarm] of Object.entries(resourcesOf(template, 'AWS::CloudWatch::Alarm'))) {
      if (alarm.Properties.Namespace !== 'Tidemark') continue
      const table = id.startsWith('Near') ? '<NearTable>' : '<FarTable>'
      const dimensions: { Name: string; Value: unknown }[] = alarm.Properties.Dimensions
      expect(dimensions.map(({ Name, Value }) => `${Name} ${asText(Value)}`)).toEqual([
        `broker ${table}`,
        'service settling',
      ])
    }
    for (const [id, dashboard] of Object.entries(resourcesOf(template, 'AWS::CloudWatch::Dashboard'))) {
      const body = asText(dashboard.Properties.DashboardBody)
      const table = id.startsWith('Near') ? '<NearTable>' : '<FarTable>'
      const own: string[] = body.match(/\["Tidemark",[^\]]*\]/g) ?? []
      expect(own).toHaveLength(9)
      for (const metric of own) expect(metric).toContain(`"broker","${table}"`)
    }
  })
})
