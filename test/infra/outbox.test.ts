import { App, Stack } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { AwsSolutionsChecks } from 'cdk-nag'
import { expect, test } from 'vitest'
import { ShopStack } from '../../examples/outbox/shop-stack.ts'
import { TidemarkBroker, Topic } from '../../infra/index.ts'
import { asText, BUNDLES, permissionsIn, resourcesOf, synthesize, theResource } from './synthesis.ts'

const onOutboxes = 'if {"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["outbox#*"]}}'

function withOutbox(props: { monitoring?: boolean } = {}) {
  let broker: TidemarkBroker | undefined
  const template = synthesize(stack => {
    broker = new TidemarkBroker(stack, 'Broker', { bundles: BUNDLES, waking: false, ...props })
    for (const id of ['Writer', 'Other']) {
      broker.grantOutbox(new Role(stack, id, { assumedBy: new ServicePrincipal('lambda.amazonaws.com') }))
    }
  })
  return { template, broker: broker! }
}

test('a broker without outboxes has nothing for them', () => {
  const template = synthesize(stack => {
    new TidemarkBroker(stack, 'Broker', { bundles: BUNDLES })
  })
  expect(JSON.stringify(template.toJSON())).not.toMatch(/[Rr]elay|outbox/)
})

test('who is granted it may put items under the outboxes’ prefix, and nothing else', () => {
  const { template } = withOutbox()
  for (const name of ['Writer', 'Other']) {
    const { PolicyDocument } = theResource(template, 'AWS::IAM::Policy', name).Properties
    expect(permissionsIn(PolicyDocument)).toEqual([`dynamodb:PutItem <BrokerTable.Arn> ${onOutboxes}`])
  }
})

test('the function that relays may append, and take out of outboxes', () => {
  const { template } = withOutbox()
  const onLogs = 'if {"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["log#*"]}}'
  const onFailed = 'if {"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["outbox-failed#*"]}}'
  const onLanes = 'if {"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["outbox-lanes"]}}'
  const { Policies } = theResource(template, 'AWS::IAM::Role', 'BrokerRelayRole').Properties
  expect(permissionsIn(Policies[0].PolicyDocument)).toEqual(
    [
      'dynamodb:GetItem <BrokerTable.Arn>',
      'dynamodb:Query <BrokerTable.Arn>',
      `dynamodb:PutItem <BrokerTable.Arn> ${onLogs}`,
      `dynamodb:UpdateItem <BrokerTable.Arn> ${onLogs}`,
      `dynamodb:BatchWriteItem <BrokerTable.Arn> ${onOutboxes}`,
      `dynamodb:DeleteItem <BrokerTable.Arn> ${onOutboxes}`,
      `dynamodb:PutItem <BrokerTable.Arn> ${onFailed}`,
      `dynamodb:DeleteItem <BrokerTable.Arn> ${onLanes}`,
      `dynamodb:PutItem <BrokerTable.Arn> ${onLanes}`,
      'logs:CreateLogStream <BrokerRelayLog.Arn>',
      'logs:PutLogEvents <BrokerRelayLog.Arn>',
      's3:PutObject <BrokerBucket.Arn>/ingest/*',
      's3:PutObject <BrokerBucket.Arn>/segments/*',
    ].toSorted(),
  )
})

test('an item in an outbox wakes the dispatch function, which calls the one that relays; a schedule stands behind it', () => {
  const { template } = withOutbox()
  const { Properties: mapping } = theResource(template, 'AWS::Lambda::EventSourceMapping', 'BrokerTriggers')
  const patterns = mapping.FilterCriteria.Filters.map(({ Pattern }: { Pattern: string }) =>
    JSON.parse(Pattern),
  )
  expect(patterns).toHaveLength(4)
  expect(patterns.at(-1)).toEqual({
    eventName: ['INSERT'],
    dynamodb: { Keys: { pk: { S: [{ prefix: 'outbox#' }] } } },
  })
  const { Properties: dispatch } = theResource(template, 'AWS::Lambda::Function', 'BrokerDispatch')
  expect(asText(dispatch.Environment.Variables.TIDEMARK_RELAY)).toBe('<BrokerRelay>')
  const rules = Object.entries(resourcesOf(template, 'AWS::Events::Rule'))
  const said = rules
    .filter(([id]) => id.includes('RelayLook'))
    .map(([, { Properties }]) => [Properties.ScheduleExpression, Properties.Targets[0].Input])
  expect(said.toSorted()).toEqual([
    ['rate(1 hour)', '{"look":"all"}'],
    ['rate(5 minutes)', '{"look":"known"}'],
  ])
})

test('alarms tell of what lags, of what was put aside and of errors, where there is monitoring', () => {
  const alarmsOf = ({ template }: ReturnType<typeof withOutbox>) =>
    Object.values(resourcesOf(template, 'AWS::CloudWatch::Alarm'))
      .map(({ Properties }) => Properties.MetricName)
      .filter(name => ['LagMs', 'GivenUpRecords'].includes(name))
  const monitored = withOutbox()
  expect(alarmsOf(monitored).toSorted()).toEqual(['GivenUpRecords', 'LagMs'])
  expect(monitored.broker.alarms.map(({ node }) => node.id)).toEqual(
    expect.arrayContaining(['OutboxLag', 'ParkedItems', 'RelayErrors']),
  )
  expect(alarmsOf(withOutbox({ monitoring: false }))).toEqual([])
})

test('cdk-nag finds nothing in what an outbox adds', () => {
  const app = new App()
  const stack = new Stack(app, 'Test')
  const broker = new TidemarkBroker(stack, 'Broker', { bundles: BUNDLES })
  broker.grantOutbox(new Role(stack, 'Writer', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') }))
  const { violations } = new AwsSolutionsChecks().validateScope(app)
  const findings = violations.flatMap(({ ruleName, violatingResources }) =>
    violatingResources.map(({ constructPath }) => `${ruleName} ${constructPath}`),
  )
  expect(findings).toEqual([])
})

test('a topic tells what an outbox has to know of it', () => {
  const stack = new Stack(new App(), 'Stack')
  const broker = new TidemarkBroker(stack, 'Broker', { bundles: BUNDLES, waking: false })
  const configs = { 'max.message.bytes': 5_000, 'cleanup.policy': 'compact' }
  const topic = new Topic(stack, 'orders', { broker, partitions: 3, configs })
  const told = asText(stack.resolve(topic.outboxTopic))
  expect(JSON.parse(told.replaceAll(/[<>]/g, ''))).toMatchObject({
    topic: 'orders',
    partitions: 3,
    maxMessageBytes: 5_000,
    isCompacted: true,
  })
})

test('the example of an outbox makes the stack that its README tells of', { timeout: 120_000 }, () => {
  const stack = new ShopStack(new App(), 'TidemarkShop', { bundles: BUNDLES })
  const template = Template.fromStack(stack)
  const place = theResource(template, 'AWS::Lambda::Function', 'PlaceOrder').Properties
  expect(Object.keys(place.Environment.Variables)).toEqual(
    expect.arrayContaining(['SHOP_TABLE', 'TIDEMARK_TABLE', 'ORDERS_TOPIC']),
  )
  expect(Object.keys(template.toJSON().Outputs)).toEqual(
    expect.arrayContaining(['ApiUrl', 'ShopTable', 'PlaceOrderName', 'ShipOrderName']),
  )
})
