import { App, Stack } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { describe, expect, test } from 'vitest'
import { TidemarkBroker, type TidemarkBrokerProps, Topic } from '../../infra/index.ts'
import { ROUTES } from '../../infra/routes.ts'
import { asText, BUNDLES, permissionsIn, resourcesOf, synthesize, theResource } from './synthesis.ts'

describe('a role may do what its function does, and nothing else:', () => {
  // What they may beside where consumers are woken, waking.test.ts tells.
  const template = synthesize(stack => {
    new TidemarkBroker(stack, 'Broker', { bundles: BUNDLES, waking: false })
  })

  const onLogs = 'if {"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["log#*"]}}'
  const onGroups =
    'if {"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["group#*","groups","triggers","transaction#*","transactions"]}}'
  const onStatement = 'if {"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["store"]}}'
  test.each([
    [
      'Produce',
      [
        'dynamodb:GetItem <BrokerTable.Arn>',
        `dynamodb:PutItem <BrokerTable.Arn> ${onLogs}`,
        'dynamodb:Query <BrokerTable.Arn>',
        `dynamodb:UpdateItem <BrokerTable.Arn> ${onLogs}`,
        'logs:CreateLogStream <BrokerProduceLog.Arn>',
        'logs:PutLogEvents <BrokerProduceLog.Arn>',
        's3:PutObject <BrokerBucket.Arn>/ingest/*',
        's3:PutObject <BrokerBucket.Arn>/segments/*',
      ],
    ],
    [
      'Fetch',
      [
        'dynamodb:GetItem <BrokerTable.Arn>',
        'dynamodb:Query <BrokerTable.Arn>',
        'logs:CreateLogStream <BrokerFetchLog.Arn>',
        'logs:PutLogEvents <BrokerFetchLog.Arn>',
        's3:GetObject <BrokerBucket.Arn>/ingest/*',
        's3:GetObject <BrokerBucket.Arn>/log/*',
        's3:GetObject <BrokerBucket.Arn>/segments/*',
        's3:ListBucket <BrokerBucket.Arn>',
      ],
    ],
    [
      'Flush',
      [
        'dynamodb:BatchWriteItem <BrokerTable.Arn>',
        'dynamodb:DeleteItem <BrokerTable.Arn>',
        'dynamodb:DescribeStream <BrokerTable.Arn>/stream/*',
        'dynamodb:GetItem <BrokerTable.Arn>',
        'dynamodb:GetRecords <BrokerTable.Arn>/stream/*',
        'dynamodb:GetShardIterator <BrokerTable.Arn>/stream/*',
        'dynamodb:ListStreams <BrokerTable.Arn>/stream/*',
        'dynamodb:PutItem <BrokerTable.Arn>',
        'dynamodb:Query <BrokerTable.Arn>',
        'dynamodb:UpdateItem <BrokerTable.Arn>',
        'lambda:InvokeFunction <BrokerMaintain.Arn>',
        'logs:CreateLogStream <BrokerFlushLog.Arn>',
        'logs:PutLogEvents <BrokerFlushLog.Arn>',
        's3:GetObject <BrokerBucket.Arn>/format.json',
        's3:PutObject <BrokerBucket.Arn>/deleted/*',
        's3:PutObject <BrokerBucket.Arn>/format.json',
        's3:PutObject <BrokerBucket.Arn>/ingest/*',
        's3:PutObject <BrokerBucket.Arn>/segments/*',
      ],
    ],
    [
      'Maintain',
      [
        'dynamodb:BatchWriteItem <BrokerTable.Arn>',
        'dynamodb:DeleteItem <BrokerTable.Arn>',
        'dynamodb:GetItem <BrokerTable.Arn>',
        'dynamodb:PutItem <BrokerTable.Arn>',
        'dynamodb:Query <BrokerTable.Arn>',
        'dynamodb:UpdateItem <BrokerTable.Arn>',
        'logs:CreateLogStream <BrokerMaintainLog.Arn>',
        'logs:PutLogEvents <BrokerMaintainLog.Arn>',
        's3:AbortMultipartUpload <BrokerBucket.Arn>/ingest/*',
        's3:AbortMultipartUpload <BrokerBucket.Arn>/log/*',
        's3:DeleteObject <BrokerBucket.Arn>/ingest/*',
        's3:DeleteObject <BrokerBucket.Arn>/log/*',
        's3:DeleteObject <BrokerBucket.Arn>/segments/*',
        's3:GetObject <BrokerBucket.Arn>/format.json',
        's3:GetObject <BrokerBucket.Arn>/ingest/*',
        's3:GetObject <BrokerBucket.Arn>/log/*',
        's3:GetObject <BrokerBucket.Arn>/segments/*',
        's3:ListBucket <BrokerBucket.Arn>',
        's3:PutObject <BrokerBucket.Arn>/deleted/*',
        's3:PutObject <BrokerBucket.Arn>/format.json',
        's3:PutObject <BrokerBucket.Arn>/ingest/*',
        's3:PutObject <BrokerBucket.Arn>/log/*',
      ],
    ],
    [
      'Rebalance',
      [
        `dynamodb:BatchWriteItem <BrokerTable.Arn> ${onGroups}`,
        `dynamodb:DeleteItem <BrokerTable.Arn> ${onGroups}`,
        'dynamodb:GetItem <BrokerTable.Arn>',
        `dynamodb:PutItem <BrokerTable.Arn> ${onGroups}`,
        `dynamodb:PutItem <BrokerTable.Arn> ${onLogs}`,
        `dynamodb:PutItem <BrokerTable.Arn> ${onStatement}`,
        'dynamodb:Query <BrokerTable.Arn>',
        `dynamodb:UpdateItem <BrokerTable.Arn> ${onGroups}`,
        `dynamodb:UpdateItem <BrokerTable.Arn> ${onLogs}`,
        'logs:CreateLogStream <BrokerRebalanceLog.Arn>',
        'logs:PutLogEvents <BrokerRebalanceLog.Arn>',
        's3:GetObject <BrokerBucket.Arn>/ingest/*',
        's3:GetObject <BrokerBucket.Arn>/segments/*',
        's3:PutObject <BrokerBucket.Arn>/ingest/*',
        's3:PutObject <BrokerBucket.Arn>/segments/*',
      ],
    ],
    [
      'Admin',
      [
        'dynamodb:BatchWriteItem <BrokerTable.Arn>',
        'dynamodb:DeleteItem <BrokerTable.Arn>',
        'dynamodb:GetItem <BrokerTable.Arn>',
        'dynamodb:PutItem <BrokerTable.Arn>',
        'dynamodb:Query <BrokerTable.Arn>',
        'dynamodb:UpdateItem <BrokerTable.Arn>',
        'logs:CreateLogStream <BrokerAdminLog.Arn>',
        'logs:PutLogEvents <BrokerAdminLog.Arn>',
        's3:PutObject <BrokerBucket.Arn>/deleted/*',
      ],
    ],
  ])('%s', (name, permissions) => {
    const { Properties } = theResource(template, 'AWS::IAM::Role', `Broker${name}Role`)
    expect(Properties.ManagedPolicyArns).toBeUndefined()
    expect(Properties.Policies).toHaveLength(1)
    expect(permissionsIn(Properties.Policies[0].PolicyDocument)).toEqual(permissions)
  })

  test('there are no other roles or policies, but for one: that which maintains may call itself', () => {
    template.resourceCountIs('AWS::IAM::Role', 6)
    template.resourceCountIs('AWS::IAM::Policy', 1)
    const { Properties } = theResource(template, 'AWS::IAM::Policy', 'BrokerMaintainItself')
    expect(Properties.Roles.map(asText)).toEqual(['<BrokerMaintainRole>'])
    expect(permissionsIn(Properties.PolicyDocument)).toEqual(['lambda:InvokeFunction <BrokerMaintain.Arn>'])
    template.resourceCountIs('AWS::IAM::ManagedPolicy', 0)
  })

  test('only the API and the schedule may call a function', () => {
    const permissions = Object.values(resourcesOf(template, 'AWS::Lambda::Permission'))
    // Each route, the one for all else, and the schedule.
    expect(permissions).toHaveLength(ROUTES.length + 1 + 1)
    for (const { Properties } of permissions) {
      const caller = Properties.Principal
      expect(['apigateway.amazonaws.com', 'events.amazonaws.com']).toContain(caller)
      // Not whatever API or schedule there is in the account.
      const only = caller === 'events.amazonaws.com' ? 'BrokerFlushOnSchedule' : '"Ref":"BrokerApi'
      expect(JSON.stringify(Properties.SourceArn)).toContain(only)
    }
  })
})

describe('a grant', () => {
  function grantsOf(
    give: (broker: TidemarkBroker, role: Role) => void,
    props: TidemarkBrokerProps = {},
  ): string[] {
    const template = synthesize(stack => {
      const broker = new TidemarkBroker(stack, 'Broker', { bundles: BUNDLES, waking: false, ...props })
      give(broker, new Role(stack, 'Caller', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') }))
    })
    const { Properties } = theResource(template, 'AWS::IAM::Policy', 'Caller')
    return permissionsIn(Properties.PolicyDocument)
  }

  const call = (path: string) =>
    `execute-api:Invoke arn:<AWS::Partition>:execute-api:<AWS::Region>:<AWS::AccountId>:<BrokerApi>/*/${path}`

  test('to produce covers one topic', () => {
    expect(grantsOf((broker, role) => broker.grantProduce(role, 'orders'))).toEqual([
      call('GET/topics/orders'),
      call('POST/topics/orders/records'),
    ])
  })

  test('of a group covers its members, and no other group', () => {
    expect(grantsOf((broker, role) => broker.grantGroup(role, 'workers'))).toEqual([
      call('DELETE/groups/workers/members/*'),
      call('GET/groups/workers/offsets'),
      call('POST/groups/workers/heartbeat'),
      call('POST/groups/workers/offsets'),
    ])
    for (const other of ['*', 'a/b', 'a?']) {
      expect(() => grantsOf((broker, role) => broker.grantGroup(role, other))).toThrow('group id')
    }
  })

  test('of transactions covers those of one id', () => {
    expect(grantsOf((broker, role) => broker.grantTransactions(role, 'billing'))).toEqual([
      call('POST/transactions/billing'),
      call('POST/transactions/billing/*'),
    ])
    for (const other of ['*', 'a/b', 'a?']) {
      expect(() => grantsOf((broker, role) => broker.grantTransactions(role, other))).toThrow(
        'transactional id',
      )
    }
  })

  test('to consume covers one topic', () => {
    expect(grantsOf((broker, role) => broker.grantConsume(role, 'orders'))).toEqual([
      call('GET/topics/orders'),
      call('GET/topics/orders/partitions/*/offsets'),
      call('GET/topics/orders/partitions/*/records'),
      call('POST/topics/orders/fetch'),
    ])
  })

  test('to administer covers one topic', () => {
    expect(grantsOf((broker, role) => broker.grantAdmin(role, 'orders'))).toEqual([
      call('DELETE/topics/orders'),
      call('DELETE/topics/orders/partitions/*/records'),
      call('GET/topics/orders'),
      call('PATCH/topics/orders'),
    ])
  })

  test('to administer covers all topics where none is named', () => {
    expect(grantsOf((broker, role) => broker.grantAdmin(role))).toEqual([
      call('DELETE/groups/*'),
      call('DELETE/topics/*'),
      call('DELETE/transactions/*'),
      call('GET/groups'),
      call('GET/groups/*'),
      call('GET/topics'),
      call('GET/topics/*'),
      call('GET/transactions'),
      call('GET/transactions/*'),
      call('GET/triggers'),
      call('PATCH/topics/*'),
      call('POST/fetch'),
      call('POST/groups/*'),
      call('POST/topics'),
      call('POST/topics/*/fetch'),
    ])
  })

  test('takes a topic of the stack', () => {
    const give = (broker: TidemarkBroker, role: Role) => {
      broker.grantProduce(role, new Topic(broker, 'Orders', { topicName: 'orders.v1' }))
    }
    expect(grantsOf(give)).toEqual([call('GET/topics/orders.v1'), call('POST/topics/orders.v1/records')])
  })

  test('reaches over into another stack', () => {
    const app = new App()
    const broker = new TidemarkBroker(new Stack(app, 'Log'), 'Broker', { bundles: BUNDLES })
    const users = new Stack(app, 'Users')
    broker.grantProduce(
      new Role(users, 'Caller', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') }),
      'a',
    )
    const { PolicyDocument } = theResource(Template.fromStack(users), 'AWS::IAM::Policy').Properties
    expect(JSON.stringify(PolicyDocument)).toContain('Fn::ImportValue')
  })

  test.each(['*', 'orders/*', 'orders/records', ''])(
    'is refused for the name %j, which could open more',
    name => {
      for (const grant of ['grantProduce', 'grantConsume', 'grantAdmin'] as const) {
        expect(() => grantsOf((broker, role) => broker[grant](role, name))).toThrow(/topic name|needs a name/)
      }
    },
  )

  test.each(['*', 'orders', '', '3bc77832-f044-45e8-a1fa-8364ba3b034?'])(
    'past the API is refused for the id %j, which is none and could open more',
    topicId => {
      for (const grant of ['grantDirectProduce', 'grantDirectConsume'] as const) {
        expect(() => grantsOf((broker, role) => broker[grant](role, { topicId }))).toThrow("a topic's id")
      }
    },
  )

  test("is refused for another broker's topic", () => {
    const give = (broker: TidemarkBroker, role: Role) => {
      const other = new TidemarkBroker(Stack.of(broker), 'Other', { bundles: BUNDLES })
      broker.grantConsume(role, new Topic(other, 'Orders'))
    }
    expect(() => grantsOf(give)).toThrow('Test/Other/Orders is a topic of Test/Other, not of Test/Broker.')
  })

  test('is refused where the API asks for tokens', () => {
    const auth = { jwt: { issuer: 'https://login.example.com', audience: 'tidemark' } }
    expect(() => grantsOf((broker, role) => broker.grantProduce(role, 'orders'), { auth })).toThrow(
      'asks for tokens',
    )
  })
})
