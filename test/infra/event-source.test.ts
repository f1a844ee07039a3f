import { App, Duration, Stack } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import {
  Alias,
  Code,
  FilterCriteria,
  FilterRule,
  type IFunction,
  type IVersion,
  Function as LambdaFunction,
  Runtime,
  StartingPosition,
} from 'aws-cdk-lib/aws-lambda'
import { S3OnFailureDestination, SnsDlq, SqsDlq } from 'aws-cdk-lib/aws-lambda-event-sources'
import { Bucket, type IBucket } from 'aws-cdk-lib/aws-s3'
import { Topic as SnsTopic } from 'aws-cdk-lib/aws-sns'
import { Queue } from 'aws-cdk-lib/aws-sqs'
import { AwsSolutionsChecks } from 'cdk-nag'
import { describe, expect, test } from 'vitest'
import {
  TidemarkBroker,
  type TidemarkBrokerProps,
  TidemarkEventSource,
  type TidemarkEventSourceProps,
  Topic,
  TopicDestination,
} from '../../infra/index.ts'
import { asText, BUNDLES, permissionsIn, resourcesOf, synthesize, theResource } from './synthesis.ts'

const EARLIEST = { startingPosition: StartingPosition.TRIM_HORIZON }

interface Parts {
  readonly stack: Stack
  readonly broker: TidemarkBroker
  readonly orders: Topic
  readonly handler: LambdaFunction
}

function makeFunction(scope: Stack, id = 'Handler', timeout?: Duration): LambdaFunction {
  return new LambdaFunction(scope, id, {
    runtime: Runtime.NODEJS_24_X,
    handler: 'index.handler',
    code: Code.fromInline('exports.handler = async () => {}'),
    ...(timeout && { timeout }),
  })
}

function templateOf(subscribe: (parts: Parts) => void, props: TidemarkBrokerProps = {}): Template {
  return synthesize(stack => {
    const broker = new TidemarkBroker(stack, 'Broker', { bundles: BUNDLES, production: false, ...props })
    const orders = new Topic(stack, 'orders', { partitions: 4 })
    subscribe({ stack, broker, orders, handler: makeFunction(stack) })
  })
}

function subscribed(props: Partial<TidemarkEventSourceProps> = {}): Template {
  return templateOf(({ orders, handler }) =>
    handler.addEventSource(new TidemarkEventSource(orders, { ...EARLIEST, ...props })),
  )
}

/** The properties of the only trigger; its settings decoded. */
function triggerIn(template: Template) {
  const { Properties } = theResource(template, 'Custom::TidemarkTrigger')
  return { ...Properties, settings: JSON.parse(Properties.settings) }
}

/** All that is added to the role of the deliver function. */
function deliverPermissionsIn(template: Template): string[] {
  const { Properties } = theResource(template, 'AWS::IAM::Policy', 'BrokerDeliverRole')
  return permissionsIn(Properties.PolicyDocument)
}

describe('an event source', () => {
  test('is a trigger that the admin function makes when the stack is deployed', () => {
    const template = subscribed()
    const { ServiceToken, ServiceTimeout, target, settings, ...named } = triggerIn(template)
    expect(named).toEqual({ groupId: 'Test-Handler', topic: 'orders', state: 'active' })
    expect([asText(ServiceToken), ServiceTimeout, asText(target)]).toEqual([
      '<BrokerAdmin.Arn>',
      '300',
      '<Handler.Arn>',
    ])
    expect(settings).toEqual({ startingPosition: 'earliest', callTimeoutMs: 3_000 })
  })

  test('comes after its topic and what lets it be delivered, and goes before them', () => {
    const trigger = theResource(subscribed(), 'Custom::TidemarkTrigger')
    const { DependsOn } = trigger as unknown as { DependsOn: string[] }
    const names = DependsOn.map(id => id.replace(/[0-9A-F]{8}$/, ''))
    expect(names).toEqual(expect.arrayContaining(['orders', 'BrokerDeliverRoleDefaultPolicy']))
  })

  test('hands on all its options', () => {
    const { settings, state } = triggerIn(
      subscribed({
        batchSize: 10,
        maxBatchingWindow: Duration.seconds(30),
        startingPosition: StartingPosition.AT_TIMESTAMP,
        startingPositionTimestamp: 1_700_000_000.5,
        parallelism: 2,
        retryAttempts: 3,
        maxRecordAge: Duration.hours(1),
        bisectBatchOnError: true,
        reportBatchItemFailures: true,
        filters: [FilterCriteria.filter({ value: { kind: FilterRule.isEqual('order') } })],
        enabled: false,
      }),
    )
    expect(state).toBe('paused')
    expect(settings).toEqual({
      batchSize: 10,
      maxBatchingWindowMs: 30_000,
      startingPosition: { timestampMs: 1_700_000_000_500 },
      parallelism: 2,
      retryAttempts: 3,
      maxRecordAgeMs: 3_600_000,
      bisectBatchOnError: true,
      reportBatchItemFailures: true,
      filters: ['{"value":{"kind":["order"]}}'],
      callTimeoutMs: 3_000,
    })
  })

  test('takes -1 for retries without end, as CDK does', () => {
    expect(triggerIn(subscribed({ retryAttempts: -1 })).settings).not.toHaveProperty('retryAttempts')
  })

  test.each<[string, Partial<TidemarkEventSourceProps>, string | RegExp]>([
    ['an empty batch', { batchSize: 0 }, /batch/i],
    ['half a retry', { retryAttempts: 0.5 }, /retr/i],
    ['a window of an hour', { maxBatchingWindow: Duration.hours(1) }, /window/i],
    ['a time that is not used', { startingPositionTimestamp: 1 }, 'go together'],
    ['no time', { startingPosition: StartingPosition.AT_TIMESTAMP }, 'go together'],
    ['a filter that is none', { filters: [{ pattern: '{"value":"order"}' }] }, /filter|pattern/i],
    [
      'a filter that is not made as filters are',
      { filters: [{ value: ['order'] }] },
      'FilterCriteria.filter',
    ],
    ['an empty group', { groupId: '' }, 'group id'],
  ])('is refused before anything is deployed: %s', (_, props, message) => {
    expect(() => subscribed(props)).toThrow(message)
  })

  test('calls an alias or a version by its own ARN, and learns the time-out of what stands behind', () => {
    const template = templateOf(({ stack, orders }) => {
      const slow = makeFunction(stack, 'Slow', Duration.minutes(5))
      const live = new Alias(stack, 'Live', { aliasName: 'live', version: slow.currentVersion as IVersion })
      live.addEventSource(new TidemarkEventSource(orders, EARLIEST))
    })
    const { target, settings, groupId } = triggerIn(template)
    expect([asText(target), settings.callTimeoutMs, groupId]).toEqual(['<Live>', 300_000, 'Test-Live'])
    expect(deliverPermissionsIn(template)).toContain('lambda:InvokeFunction <Live>')
  })

  test('assumes of a function that is made elsewhere that it takes the longest', () => {
    const template = templateOf(({ stack, orders }) => {
      const arn = 'arn:aws:lambda:us-east-1:123456789012:function:elsewhere'
      const elsewhere: IFunction = LambdaFunction.fromFunctionArn(stack, 'Elsewhere', arn)
      elsewhere.addEventSource(new TidemarkEventSource(orders, EARLIEST))
    })
    expect(triggerIn(template).settings.callTimeoutMs).toBe(840_000)
  })

  test('is refused for a function that may take longer than what waits for it', () => {
    const subscribe = ({ stack, orders }: Parts) => {
      const slow = makeFunction(stack, 'Slow', Duration.minutes(15))
      slow.addEventSource(new TidemarkEventSource(orders, EARLIEST))
    }
    expect(() => templateOf(subscribe)).toThrow('Test/Slow may take 15 minutes')
  })

  test('is one of several: functions and groups of a topic, topics of a function', () => {
    const template = templateOf(({ stack, orders, handler }) => {
      const payments = new Topic(stack, 'payments')
      const other = makeFunction(stack, 'Other')
      handler.addEventSource(new TidemarkEventSource(orders, EARLIEST))
      handler.addEventSource(new TidemarkEventSource(orders, { ...EARLIEST, groupId: 'again' }))
      handler.addEventSource(new TidemarkEventSource(payments, EARLIEST))
      other.addEventSource(new TidemarkEventSource(orders, EARLIEST))
    })
    const names = Object.values(resourcesOf(template, 'Custom::TidemarkTrigger')).map(
      ({ Properties: { groupId, topic } }) => `${groupId} ${topic}`,
    )
    expect(names.sort()).toEqual([
      'Test-Handler orders',
      'Test-Handler payments',
      'Test-Other orders',
      'again orders',
    ])
    template.resourceCountIs('AWS::SQS::Queue', 1)
    expect(deliverPermissionsIn(template).filter(each => each.startsWith('lambda:'))).toEqual([
      'lambda:InvokeFunction <Handler.Arn>',
      'lambda:InvokeFunction <Other.Arn>',
    ])
  })

  test('is refused where the group has one on the topic', () => {
    const subscribe = ({ stack, orders, handler }: Parts) => {
      const source = new TidemarkEventSource(orders, { ...EARLIEST, groupId: 'same' })
      handler.addEventSource(source)
      makeFunction(stack, 'Other').addEventSource(source)
    }
    expect(() => templateOf(subscribe)).toThrow(
      'The group same has an event source on the topic "orders" already',
    )
  })

  test('has a group whose name is short enough, however deep its function stands', () => {
    const template = templateOf(({ stack, orders }) => {
      makeFunction(stack, 'H'.repeat(250)).addEventSource(new TidemarkEventSource(orders, EARLIEST))
    })
    const { groupId } = triggerIn(template)
    expect(groupId).toMatch(/^Test-H+-[0-9a-f]{8}$/)
    expect(groupId).toHaveLength(249)
  })
})

describe('what is given up goes', () => {
  test('to a queue', () => {
    const template = templateOf(({ stack, orders, handler }) => {
      const onFailure = new SqsDlq(new Queue(stack, 'Failures'))
      handler.addEventSource(new TidemarkEventSource(orders, { ...EARLIEST, onFailure }))
    })
    expect(asText(triggerIn(template).onFailure)).toBe('<Failures.Arn>')
    expect(deliverPermissionsIn(template)).toContain('sqs:SendMessage <Failures.Arn>')
  })

  test('to a topic of SNS', () => {
    const template = templateOf(({ stack, orders, handler }) => {
      const onFailure = new SnsDlq(new SnsTopic(stack, 'Failures'))
      handler.addEventSource(new TidemarkEventSource(orders, { ...EARLIEST, onFailure }))
    })
    expect(asText(triggerIn(template).onFailure)).toBe('<Failures>')
    expect(deliverPermissionsIn(template)).toContain('sns:Publish <Failures>')
  })

  test('to a bucket', () => {
    const template = templateOf(({ stack, orders, handler }) => {
      const onFailure = new S3OnFailureDestination(new Bucket(stack, 'Failures') as IBucket)
      handler.addEventSource(new TidemarkEventSource(orders, { ...EARLIEST, onFailure }))
    })
    expect(asText(triggerIn(template).onFailure)).toBe('<Failures.Arn>')
    expect(deliverPermissionsIn(template)).toContain('s3:PutObject <Failures.Arn>/*')
  })

  test('to a topic of the same broker, which only then may be written to', () => {
    const template = templateOf(({ stack, orders, handler }) => {
      const onFailure = new TopicDestination(new Topic(stack, 'failed-orders'))
      handler.addEventSource(new TidemarkEventSource(orders, { ...EARLIEST, onFailure }))
    })
    expect(triggerIn(template).onFailure).toBe('tidemark://failed-orders')
    const onLogs = 'if {"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["log#*"]}}'
    expect(deliverPermissionsIn(template)).toEqual(
      expect.arrayContaining([
        `dynamodb:UpdateItem <BrokerTable.Arn> ${onLogs}`,
        's3:PutObject <BrokerBucket.Arn>/segments/*',
      ]),
    )
    expect(deliverPermissionsIn(subscribed()).join()).not.toMatch(/log#|s3:Put/)
  })

  test("and not to another broker's topic", () => {
    const subscribe = ({ stack, orders, handler }: Parts) => {
      const other = new TidemarkBroker(stack, 'Other', { bundles: BUNDLES })
      const onFailure = new TopicDestination(new Topic(stack, 'failed', { broker: other }))
      handler.addEventSource(new TidemarkEventSource(orders, { ...EARLIEST, onFailure }))
    }
    expect(() => templateOf(subscribe)).toThrow('another broker')
  })

  test('and not to the topic that they come from', () => {
    const subscribe = ({ orders, handler }: Parts) => {
      const onFailure = new TopicDestination(orders)
      handler.addEventSource(new TidemarkEventSource(orders, { ...EARLIEST, onFailure }))
    }
    expect(() => templateOf(subscribe)).toThrow('would come back to it for ever')
  })
})

describe('what delivers', () => {
  const template = subscribed()

  test('is not there before there is a trigger', () => {
    const without = templateOf(() => {})
    without.resourceCountIs('AWS::SQS::Queue', 0)
    without.resourceCountIs('AWS::Lambda::EventSourceMapping', 1)
    without.resourceCountIs('AWS::Events::Rule', 1)
  })

  test('has a queue with an order for each lane, whose messages do not pile up', () => {
    const { Properties } = theResource(template, 'AWS::SQS::Queue')
    expect(Properties).toMatchObject({
      FifoQueue: true,
      DeduplicationScope: 'messageGroup',
      FifoThroughputLimit: 'perMessageGroupId',
      SqsManagedSseEnabled: true,
      VisibilityTimeout: 900,
      MessageRetentionPeriod: 3_600,
    })
  })

  test('wakes up for appends and for triggers, at once', () => {
    const { Properties } = theResource(
      template,
      'AWS::Lambda::EventSourceMapping',
      'BrokerTriggersDispatchOnChange',
    )
    expect(Properties.MaximumBatchingWindowInSeconds).toBeUndefined()
    expect(asText(Properties.EventSourceArn)).toBe('<BrokerTable.StreamArn>')
    const patterns = Properties.FilterCriteria.Filters.map((each: { Pattern: string }) =>
      JSON.parse(each.Pattern),
    )
    expect(patterns).toEqual([
      { eventName: ['MODIFY'], dynamodb: { Keys: { sk: { S: ['head'] } } } },
      { eventName: ['INSERT'], dynamodb: { Keys: { pk: { S: ['triggers'] } } } },
      { eventName: ['MODIFY'], dynamodb: { Keys: { pk: { S: ['triggers'] } } } },
    ])
  })

  test('takes one wake-up at a time, and may leave it in the queue', () => {
    const mapping = (from: Template) =>
      theResource(from, 'AWS::Lambda::EventSourceMapping', 'BrokerTriggersDeliverOnWakeUp').Properties
    expect(mapping(template)).toMatchObject({
      BatchSize: 1,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
    })
    expect(mapping(template).ScalingConfig).toBeUndefined()
    const bounded = templateOf(
      ({ orders, handler }) => handler.addEventSource(new TidemarkEventSource(orders, EARLIEST)),
      { triggerMaxConcurrency: 7 },
    )
    expect(mapping(bounded).ScalingConfig).toEqual({ MaximumConcurrency: 7 })
  })

  test('looks every five minutes for what is behind', () => {
    const { Properties } = theResource(template, 'AWS::Events::Rule', 'BrokerTriggersSweep')
    expect(Properties.ScheduleExpression).toBe('rate(5 minutes)')
    expect(asText(Properties.Targets[0].Arn)).toBe('<BrokerDispatch.Arn>')
  })

  test('outlives the functions that it calls', () => {
    expect(theResource(template, 'AWS::Lambda::Function', 'BrokerDeliver').Properties.Timeout).toBe(900)
  })

  test('may do what it does, and nothing else', () => {
    const own = (name: string) =>
      permissionsIn(
        theResource(template, 'AWS::IAM::Role', `Broker${name}Role`).Properties.Policies[0].PolicyDocument,
      )
    expect(own('Dispatch')).toEqual([
      'dynamodb:DescribeStream <BrokerTable.Arn>/stream/*',
      'dynamodb:GetItem <BrokerTable.Arn>',
      'dynamodb:GetRecords <BrokerTable.Arn>/stream/*',
      'dynamodb:GetShardIterator <BrokerTable.Arn>/stream/*',
      'dynamodb:ListStreams <BrokerTable.Arn>/stream/*',
      'dynamodb:Query <BrokerTable.Arn>',
      'logs:CreateLogStream <BrokerDispatchLog.Arn>',
      'logs:PutLogEvents <BrokerDispatchLog.Arn>',
    ])
    const onGroups = 'if {"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["group#*","groups"]}}'
    expect(own('Deliver')).toEqual([
      'dynamodb:GetItem <BrokerTable.Arn>',
      `dynamodb:PutItem <BrokerTable.Arn> ${onGroups}`,
      'dynamodb:Query <BrokerTable.Arn>',
      `dynamodb:UpdateItem <BrokerTable.Arn> ${onGroups}`,
      'logs:CreateLogStream <BrokerDeliverLog.Arn>',
      'logs:PutLogEvents <BrokerDeliverLog.Arn>',
      's3:GetObject <BrokerBucket.Arn>/ingest/*',
      's3:GetObject <BrokerBucket.Arn>/log/*',
      's3:GetObject <BrokerBucket.Arn>/segments/*',
      's3:ListBucket <BrokerBucket.Arn>',
    ])
    expect(deliverPermissionsIn(template)).toEqual([
      'lambda:InvokeFunction <Handler.Arn>',
      'sqs:ChangeMessageVisibility <BrokerTriggersWakeUps.Arn>',
      'sqs:DeleteMessage <BrokerTriggersWakeUps.Arn>',
      'sqs:GetQueueAttributes <BrokerTriggersWakeUps.Arn>',
      'sqs:GetQueueUrl <BrokerTriggersWakeUps.Arn>',
      'sqs:ReceiveMessage <BrokerTriggersWakeUps.Arn>',
      'sqs:SendMessage <BrokerTriggersWakeUps.Arn>',
    ])
    const sending = theResource(template, 'AWS::IAM::Policy', 'BrokerDispatchRole').Properties
    expect(permissionsIn(sending.PolicyDocument)).toEqual([
      'sqs:GetQueueAttributes <BrokerTriggersWakeUps.Arn>',
      'sqs:GetQueueUrl <BrokerTriggersWakeUps.Arn>',
      'sqs:SendMessage <BrokerTriggersWakeUps.Arn>',
    ])
  })

  test('may send to its own queue without being taken for an endless loop', () => {
    const functions = Object.values(resourcesOf(template, 'AWS::Lambda::Function'))
    const allowed = functions.filter(({ Properties }) => Properties.RecursiveLoop === 'Allow')
    expect(allowed.map(({ Properties }) => Properties.Description)).toEqual([
      'Tidemark: maintain',
      'Tidemark: deliver',
    ])
  })

  test('has alarms for partitions that are stuck', () => {
    const names = (from: Template) =>
      Object.keys(resourcesOf(from, 'AWS::CloudWatch::Alarm'))
        .filter(id => id.startsWith('BrokerTriggers'))
        .map(id => id.replace(/^BrokerTriggers|[0-9A-F]{8}$/g, ''))
    expect(names(template).sort()).toEqual([
      'DeliverErrors',
      'DispatchErrors',
      'DispatchIteratorAge',
      'StalledDeliveries',
      'WakeUpAge',
    ])
    let alarms = 0
    templateOf(({ broker, orders, handler }) => {
      const before = broker.alarms.length
      handler.addEventSource(new TidemarkEventSource(orders, EARLIEST))
      alarms = broker.alarms.length - before
    })
    expect(alarms).toBe(5)
    const silent = templateOf(
      ({ orders, handler }) => handler.addEventSource(new TidemarkEventSource(orders, EARLIEST)),
      { monitoring: false },
    )
    expect(names(silent)).toEqual([])
  })
})

test('a function of another stack is subscribed over there, and this stack does not depend on that one', () => {
  const app = new App()
  const log = new Stack(app, 'Log')
  const broker = new TidemarkBroker(log, 'Broker', { bundles: BUNDLES, production: false })
  const orders = new Topic(log, 'orders')
  const users = new Stack(app, 'Users')
  const handler = makeFunction(users)
  broker.grantProduce(handler, orders)
  const onFailure = new SqsDlq(new Queue(users, 'Failures'))
  handler.addEventSource(new TidemarkEventSource(orders, { ...EARLIEST, onFailure }))
  const template = Template.fromStack(users)
  expect(triggerIn(template).groupId).toBe('Users-Handler')
  expect(users.dependencies).toContain(log)
  expect(log.dependencies).not.toContain(users)
  const policies = Object.values(resourcesOf(template, 'AWS::IAM::Policy'))
  const statements = policies.map(each => JSON.stringify(each.Properties.PolicyDocument)).join()
  expect(statements).toContain('lambda:InvokeFunction')
  expect(statements).toContain('sqs:SendMessage')
})

test('cdk-nag finds nothing in what an event source adds', () => {
  const app = new App()
  const stack = new Stack(app, 'Test')
  new TidemarkBroker(stack, 'Broker', { bundles: BUNDLES })
  const orders = new Topic(stack, 'orders')
  const handler = makeFunction(stack)
  const onFailure = new TopicDestination(new Topic(stack, 'failed'))
  handler.addEventSource(new TidemarkEventSource(orders, { ...EARLIEST, onFailure }))
  const { violations } = new AwsSolutionsChecks().validateScope(app)
  const findings = violations.flatMap(({ ruleName, violatingResources }) =>
    violatingResources.map(({ constructPath }) => `${ruleName} ${constructPath}`),
  )
  // The user's function has CDK's own role, with AWS's own policy.
  expect(findings.filter(each => !each.includes('Test/Handler/'))).toEqual([])
})
