/** What must hold between the parts of a broker, whatever their numbers and names are. */
import { Duration } from 'aws-cdk-lib'
import type { Template } from 'aws-cdk-lib/assertions'
import { Code, Function as LambdaFunction, Runtime, StartingPosition } from 'aws-cdk-lib/aws-lambda'
import { describe, expect, test } from 'vitest'
import { TidemarkBroker, TidemarkEventSource, Topic, TopicDestination } from '../../infra/index.ts'
import {
  API_GATEWAY_TIMEOUT_MS,
  RESOURCE_ANSWER_CALLS_MAX,
  RESOURCE_ANSWER_TIMEOUT_MS,
  TRIGGER_CALL_GRACE_MS,
  TRIGGER_CALL_TIMEOUT_MS_MAX,
  WAKE_UP_RESERVE_MS,
} from '../../src/core/limits.ts'
import {
  asText,
  BUNDLES,
  permissionsIn,
  type Resource,
  resourcesOf,
  synthesize,
  theResource,
} from './synthesis.ts'

/** Everything that a broker can have: a trigger with the longest call there can be, and a topic for its failures. */
function brokerWithTrigger(production: boolean): Template {
  return synthesize(stack => {
    new TidemarkBroker(stack, 'Broker', { bundles: BUNDLES, production, waking: false })
    const handler = new LambdaFunction(stack, 'Handler', {
      runtime: Runtime.NODEJS_24_X,
      handler: 'index.handler',
      code: Code.fromInline('exports.handler = async () => {}'),
      timeout: Duration.millis(TRIGGER_CALL_TIMEOUT_MS_MAX),
    })
    const onFailure = new TopicDestination(new Topic(stack, 'failed'))
    const startingPosition = StartingPosition.TRIM_HORIZON
    handler.addEventSource(
      new TidemarkEventSource(new Topic(stack, 'orders'), { startingPosition, onFailure }),
    )
  })
}

const production = brokerWithTrigger(true)
const trial = brokerWithTrigger(false)
const BOTH = [
  ['production', production],
  ['trial', trial],
] as const

/** A broker's own functions by their names: neither the user's nor the one by which CDK empties buckets. */
function functionsOf(template: Template): Map<string, Resource> {
  const own = Object.entries(resourcesOf(template, 'AWS::Lambda::Function'))
    .map(([id, each]) => [asText({ Ref: id }).slice(1, -1), each] as const)
    .filter(([name]) => name.startsWith('Broker'))
  return new Map(own.map(([name, each]) => [name.slice('Broker'.length), each]))
}

function timeoutOf(name: string): number {
  return functionsOf(production).get(name)!.Properties.Timeout
}

/** `rate(5 minutes)`, in seconds. */
function everySeconds(ruleId: string): number {
  const { ScheduleExpression } = theResource(production, 'AWS::Events::Rule', ruleId).Properties
  const [, minutes] = /^rate\((\d+) minutes\)$/.exec(ScheduleExpression) ?? []
  return Number(minutes) * 60
}

/** `who: action resource` for all that anybody may do, in a role's own policy or in one that was added to it. */
function allPermissions(template: Template): string[] {
  const roles = Object.entries(resourcesOf(template, 'AWS::IAM::Role')).flatMap(([id, { Properties }]) =>
    (Properties.Policies ?? []).flatMap((policy: { PolicyDocument: Parameters<typeof permissionsIn>[0] }) =>
      permissionsIn(policy.PolicyDocument).map(each => [asText({ Ref: id }), each]),
    ),
  )
  const added = Object.values(resourcesOf(template, 'AWS::IAM::Policy')).flatMap(({ Properties }) =>
    Properties.Roles.flatMap((role: unknown) =>
      permissionsIn(Properties.PolicyDocument).map(each => [asText(role), each]),
    ),
  )
  return [...roles, ...added].map(([who, each]) => `${who!.replace(/^<(Broker)?|Role>$/g, '')}: ${each}`)
}

/** Who may do something that matches. */
function whoMay(pattern: RegExp, template = production): string[] {
  const found = allPermissions(template).filter(each => pattern.test(each))
  return [...new Set(found.map(each => each.slice(0, each.indexOf(':'))))].sort()
}

describe('what waits outlives what it waits for:', () => {
  const queue = theResource(production, 'AWS::SQS::Queue').Properties

  test('the queue does not give a wake-up to a second deliverer while the first may still be running', () => {
    expect(queue.VisibilityTimeout).toBeGreaterThanOrEqual(timeoutOf('Deliver'))
  })

  test('the deliverer, what it calls', () => {
    const settings = JSON.parse(theResource(production, 'Custom::TidemarkTrigger').Properties.settings)
    const called = theResource(production, 'AWS::Lambda::Function', 'Handler').Properties.Timeout
    expect(settings.callTimeoutMs).toBe(called * 1000)
    expect(timeoutOf('Deliver') * 1000).toBeGreaterThanOrEqual(
      settings.callTimeoutMs + TRIGGER_CALL_GRACE_MS + WAKE_UP_RESERVE_MS,
    )
  })

  test('the API, every function that a route leads to', () => {
    const integrations = Object.values(resourcesOf(production, 'AWS::ApiGatewayV2::Integration'))
    expect(integrations).toHaveLength(4)
    for (const { Properties } of integrations) {
      const name = /^<Broker(\w+)\.Arn>$/.exec(asText(Properties.IntegrationUri))![1]!
      const waitsMs = Properties.TimeoutInMillis ?? API_GATEWAY_TIMEOUT_MS
      expect(waitsMs, name).toBeGreaterThan(timeoutOf(name) * 1000)
    }
  })

  test.each(['Custom::TidemarkTopic', 'Custom::TidemarkTrigger'])(
    'CloudFormation, the admin function that makes a %s and tells of it',
    type => {
      const answersMs = RESOURCE_ANSWER_TIMEOUT_MS * RESOURCE_ANSWER_CALLS_MAX
      for (const { Properties } of Object.values(resourcesOf(production, type))) {
        expect(asText(Properties.ServiceToken)).toBe('<BrokerAdmin.Arn>')
        expect(Properties.ServiceTimeout * 1000).toBeGreaterThan(timeoutOf('Admin') * 1000 + answersMs)
      }
    },
  )

  test('a schedule begins no second run before the first has ended', () => {
    expect(everySeconds('BrokerFlushOnSchedule')).toBeGreaterThan(timeoutOf('Flush'))
    expect(everySeconds('BrokerTriggersSweep')).toBeGreaterThan(timeoutOf('Dispatch'))
  })

  test('a wake-up stays until it has been worked on, until the alarm has rung, and until the sweep makes another', () => {
    const alarm = theResource(production, 'AWS::CloudWatch::Alarm', 'BrokerTriggersWakeUpAge').Properties
    expect(queue.MessageRetentionPeriod).toBeGreaterThan(queue.VisibilityTimeout)
    expect(queue.MessageRetentionPeriod).toBeGreaterThan(alarm.Threshold + alarm.Period)
    expect(queue.MessageRetentionPeriod).toBeGreaterThan(everySeconds('BrokerTriggersSweep'))
  })
})

describe('what fails comes back:', () => {
  /** The mappings of the table's stream, by the functions that they call. */
  function streamMappings(): [string, Resource['Properties']][] {
    return Object.values(resourcesOf(production, 'AWS::Lambda::EventSourceMapping'))
      .filter(({ Properties }) => asText(Properties.EventSourceArn) === '<BrokerTable.StreamArn>')
      .map(({ Properties }) => [asText(Properties.FunctionName), Properties])
  }

  test('who reads the stream misses nothing from before it began, and one bad event does not stop it for a day', () => {
    expect(
      streamMappings()
        .map(([name]) => name)
        .sort(),
    ).toEqual(['<BrokerDispatch>', '<BrokerFlush>'])
    for (const [name, mapping] of streamMappings()) {
      expect(mapping.StartingPosition, name).toBe('TRIM_HORIZON')
      expect(mapping.BisectBatchOnFunctionError, name).toBe(true)
      expect(mapping.MaximumRetryAttempts, name).toBeGreaterThan(0)
      expect(mapping.MaximumRetryAttempts, name).toBeLessThan(10)
    }
  })

  test('whatever the stream gives up, a schedule finds: each who reads it has one, switched on', () => {
    const rules = Object.values(resourcesOf(production, 'AWS::Events::Rule')).map(({ Properties }) => {
      expect(Properties.State).toBe('ENABLED')
      return Properties.Targets.map((each: { Arn: unknown }) => asText(each.Arn)).join()
    })
    expect(rules.sort()).toEqual(
      streamMappings()
        .map(([name]) => name.replace('>', '.Arn>'))
        .sort(),
    )
  })

  test('a wake-up is nowhere kept aside, so its lane is never stopped for good', () => {
    const { Properties } = theResource(production, 'AWS::SQS::Queue')
    expect(Properties.RedrivePolicy).toBeUndefined()
    production.resourceCountIs('AWS::SQS::Queue', 1)
  })

  test('a partition that fails takes no other with it: its wake-up is a batch of its own, at once', () => {
    const mapping = theResource(
      production,
      'AWS::Lambda::EventSourceMapping',
      'BrokerTriggersDeliver',
    ).Properties
    expect(asText(mapping.EventSourceArn)).toBe('<BrokerTriggersWakeUps.Arn>')
    expect(mapping.BatchSize).toBe(1)
    expect(mapping.MaximumBatchingWindowInSeconds).toBeUndefined()
  })
})

describe.each(BOTH)('in %s,', (_, template) => {
  test('nobody outside is let in: no URL of a function, no open route, no other site, no policy for everybody', () => {
    template.resourceCountIs('AWS::Lambda::Url', 0)
    for (const { Properties } of Object.values(resourcesOf(template, 'AWS::ApiGatewayV2::Route'))) {
      expect([Properties.RouteKey, Properties.AuthorizationType]).toEqual([Properties.RouteKey, 'AWS_IAM'])
    }
    for (const { Properties } of Object.values(resourcesOf(template, 'AWS::ApiGatewayV2::Api'))) {
      expect(Properties.CorsConfiguration).toBeUndefined()
    }
    const policies = ['AWS::S3::BucketPolicy', 'AWS::SQS::QueuePolicy'].flatMap(type =>
      Object.values(resourcesOf(template, type)),
    )
    const open = policies
      .flatMap(({ Properties }) => Properties.PolicyDocument.Statement)
      .filter(({ Effect, Principal }) => Effect === 'Allow' && /"\*"/.test(JSON.stringify(Principal)))
    expect(open).toEqual([])
  })

  test('bucket and queue hear nobody who does not come over TLS', () => {
    for (const type of ['AWS::S3::BucketPolicy', 'AWS::SQS::QueuePolicy']) {
      const { Statement } = theResource(template, type).Properties.PolicyDocument
      expect(Statement).toContainEqual(
        expect.objectContaining({
          Effect: 'Deny',
          Principal: { AWS: '*' },
          Condition: { Bool: { 'aws:SecureTransport': 'false' } },
        }),
      )
    }
  })

  test("a role is a function's, and no other service's or account's", () => {
    for (const [id, { Properties }] of Object.entries(resourcesOf(template, 'AWS::IAM::Role'))) {
      const principals = Properties.AssumeRolePolicyDocument.Statement.map((each: { Principal: unknown }) =>
        JSON.stringify(each.Principal),
      )
      expect([id, principals]).toEqual([id, ['{"Service":"lambda.amazonaws.com"}']])
    }
  })

  test('what nobody uses costs nothing: no capacity, concurrency or network is kept ready', () => {
    expect(theResource(template, 'AWS::DynamoDB::Table').Properties.BillingMode).toBe('PAY_PER_REQUEST')
    for (const [name, { Properties }] of functionsOf(template)) {
      expect(Properties.VpcConfig, name).toBeUndefined()
      // Reserved for one, it would be taken from all others of the account.
      expect(Properties.ReservedConcurrentExecutions, name).toBeUndefined()
    }
    template.resourceCountIs('AWS::Lambda::Version', 0)
    template.resourceCountIs('AWS::EC2::VPC', 0)
  })

  test('every function of the broker writes into a log of its own that ends', () => {
    const logs = [...functionsOf(template)].map(([name, { Properties }]) => {
      const log = asText(Properties.LoggingConfig.LogGroup)
      expect(log).toBe(`<Broker${name}Log>`)
      return log
    })
    expect(logs).toHaveLength(8)
    for (const [id, { Properties }] of Object.entries(resourcesOf(template, 'AWS::Logs::LogGroup'))) {
      expect(Properties.RetentionInDays, id).toBeGreaterThan(0)
    }
  })
})

describe('data', () => {
  test('in production survives the stack, and an update that would replace where it is kept', () => {
    for (const type of ['AWS::DynamoDB::Table', 'AWS::S3::Bucket']) {
      expect(theResource(production, type)).toMatchObject({
        DeletionPolicy: 'Retain',
        UpdateReplacePolicy: 'Retain',
      })
    }
    for (const { Properties } of Object.values(resourcesOf(production, 'Custom::TidemarkTopic'))) {
      expect(Properties.removal).toBe('retain')
    }
  })

  test('goes by age from the table only: objects are removed by whoever knows what refers to them', () => {
    const { Rules } = theResource(production, 'AWS::S3::Bucket').Properties.LifecycleConfiguration
    for (const rule of Rules) {
      for (const kind of Object.keys(rule)) expect(kind).not.toMatch(/Expiration|Transition/)
    }
  })
})

describe('of all functions,', () => {
  test('one may delete objects, of records and no others; on trial, what empties the bucket with its stack, too', () => {
    for (const template of [production, trial]) {
      expect(allPermissions(template).filter(each => /s3:(\*|Delete)/.test(each))).toEqual([
        'Maintain: s3:DeleteObject <BrokerBucket.Arn>/ingest/*',
        'Maintain: s3:DeleteObject <BrokerBucket.Arn>/log/*',
        'Maintain: s3:DeleteObject <BrokerBucket.Arn>/segments/*',
      ])
    }
    const { PolicyDocument } = theResource(trial, 'AWS::S3::BucketPolicy').Properties
    const letIn = PolicyDocument.Statement.filter((each: { Effect: string }) => each.Effect === 'Allow')
    const who = letIn.map((each: { Principal: { AWS: unknown } }) => asText(each.Principal.AWS))
    expect(who).toEqual([expect.stringMatching(/^<CustomS3AutoDeleteObjects.*\.Arn>$/)])
  })

  test('only those that append, flush or tell of failures write segments, only those that read read them; one says what the bucket is', () => {
    expect(whoMay(/s3:Put.*\/segments\/\*$/)).toEqual(['Deliver', 'Flush', 'Produce', 'Rebalance'])
    expect(whoMay(/s3:Put.*\/ingest\/\*$/)).toEqual(['Deliver', 'Flush', 'Maintain', 'Produce', 'Rebalance'])
    expect(whoMay(/s3:Put.*\/log\/\*$/)).toEqual(['Maintain'])
    expect(whoMay(/s3:Get.*\/log\/\*$/)).toEqual(['Deliver', 'Fetch', 'Maintain'])
    // What a transaction has staged for long is brought anew.
    for (const prefix of ['segments', 'ingest']) {
      const whoReads = whoMay(new RegExp(`s3:Get.*/${prefix}/\\*$`))
      expect(whoReads).toEqual(['Deliver', 'Fetch', 'Maintain', 'Rebalance'])
    }
    expect(whoMay(/s3:(Put|Get).*\/deleted\/\*$/)).toEqual(['Admin', 'Flush', 'Maintain'])
    expect(whoMay(/s3:(Put|Get).*\/format\.json$/)).toEqual(['Flush', 'Maintain'])
    const beside = allPermissions(production).filter(
      each => /s3:(Put|Get)/.test(each) && !/\/((segments|ingest|log|deleted)\/\*|format\.json)$/.test(each),
    )
    expect(beside).toEqual([])
  })

  test('only those that administer, flush and maintain may change any item; all others, the keys of their trade', () => {
    const changes = /dynamodb:(Put|Update|Delete|BatchWrite)Item/
    const anything = new RegExp(`${changes.source} <BrokerTable\\.Arn>$`)
    expect(whoMay(anything)).toEqual(['Admin', 'Flush', 'Maintain'])
    expect(whoMay(changes)).toEqual(['Admin', 'Deliver', 'Flush', 'Maintain', 'Produce', 'Rebalance'])
    expect(whoMay(/dynamodb:LeadingKeys.*"log#/)).toEqual(['Deliver', 'Produce', 'Rebalance'])
    expect(whoMay(/dynamodb:LeadingKeys.*"group#/)).toEqual(['Deliver', 'Rebalance'])
    expect(whoMay(/dynamodb:LeadingKeys.*"triggers"/)).toEqual(['Rebalance'])
    expect(whoMay(/dynamodb:LeadingKeys.*"transaction#/)).toEqual(['Rebalance'])
    expect(whoMay(/dynamodb:LeadingKeys.*"topic/)).toEqual([])
  })

  test('those that call or are told of changes are few: one invokes what users have, two what maintains, two read the stream, two use the queue', () => {
    expect(whoMay(/lambda:Invoke.*<BrokerMaintain/)).toEqual(['Flush', 'Maintain'])
    expect(whoMay(/lambda:Invoke(?!.*<BrokerMaintain)/)).toEqual(['Deliver'])
    expect(whoMay(/dynamodb:GetRecords/)).toEqual(['Dispatch', 'Flush'])
    expect(whoMay(/sqs:Send/)).toEqual(['Deliver', 'Dispatch'])
    expect(whoMay(/sqs:(Receive|Delete)/)).toEqual(['Deliver'])
    const knowing = [...functionsOf(production)].filter(
      ([, { Properties }]) => 'TIDEMARK_WAKE_UPS' in Properties.Environment.Variables,
    )
    expect(knowing.map(([name]) => name).sort()).toEqual(['Deliver', 'Dispatch'])
  })

  test('none may do all of something, do anything anywhere, or go through the whole table', () => {
    const own = allPermissions(production).filter(each => !each.startsWith('HandlerService'))
    expect(own.length).toBeGreaterThan(50)
    expect(own.filter(each => /: \w+:\*/.test(each))).toEqual([])
    expect(own.filter(each => / \*$/.test(each))).toEqual([])
    expect(whoMay(/dynamodb:(Scan|PartiQL|DeleteTable|UpdateTable)/)).toEqual([])
  })
})
