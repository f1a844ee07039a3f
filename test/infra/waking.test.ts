import type { Template } from 'aws-cdk-lib/assertions'
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { Code, Function as LambdaFunction, Runtime, StartingPosition } from 'aws-cdk-lib/aws-lambda'
import { describe, expect, test } from 'vitest'
import { TidemarkBroker, type TidemarkBrokerProps, TidemarkEventSource, Topic } from '../../infra/index.ts'
import { asText, BUNDLES, permissionsIn, resourcesOf, synthesize, theResource } from './synthesis.ts'

const CONNECT =
  'execute-api:Invoke arn:<AWS::Partition>:execute-api:<AWS::Region>:<AWS::AccountId>:<BrokerWakingApi>/waking/$connect'

function brokerOf(props: TidemarkBrokerProps = {}, triggers = false, grantTo?: Grant): Template {
  return synthesize(stack => {
    const broker = new TidemarkBroker(stack, 'Broker', { bundles: BUNDLES, monitoring: false, ...props })
    grantTo?.(broker, new Role(stack, 'Caller', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') }))
    if (!triggers) return
    const handler = new LambdaFunction(stack, 'Handler', {
      runtime: Runtime.NODEJS_24_X,
      handler: 'index.handler',
      code: Code.fromInline('exports.handler = async () => {}'),
    })
    const startingPosition = StartingPosition.TRIM_HORIZON
    handler.addEventSource(new TidemarkEventSource(new Topic(stack, 'orders'), { startingPosition }))
  })
}
type Grant = (broker: TidemarkBroker, role: Role) => void

const waking = brokerOf()

const variablesOf = (template: Template, name: string) =>
  theResource(template, 'AWS::Lambda::Function', `Broker${name}`).Properties.Environment.Variables
const socketApis = (template: Template) =>
  Object.values(resourcesOf(template, 'AWS::ApiGatewayV2::Api')).filter(
    ({ Properties }) => Properties.ProtocolType === 'WEBSOCKET',
  )
const mappingsOf = (template: Template, of: string) =>
  Object.entries(resourcesOf(template, 'AWS::Lambda::EventSourceMapping')).filter(
    ([, { Properties }]) => asText(Properties.FunctionName) === `<Broker${of}>`,
  )

describe('consumers are woken', () => {
  test('in production, unless somebody does not want it', () => {
    expect(socketApis(waking)).toHaveLength(1)
    expect(socketApis(brokerOf({ waking: false }))).toEqual([])
  })

  test('on trial where somebody wants it', () => {
    expect(socketApis(brokerOf({ production: false }))).toEqual([])
    expect(socketApis(brokerOf({ production: false, waking: true }))).toHaveLength(1)
  })

  test('not where tokens let in, for which AWS has no WebSocket', () => {
    const auth = { jwt: { issuer: 'https://login.example.com', audience: 'tidemark' } }
    expect(socketApis(brokerOf({ auth }))).toEqual([])
    expect(() => brokerOf({ auth, waking: true })).toThrow('asks for tokens')
  })
})

describe('the WebSocket API', () => {
  test('lets in by signatures, answers two routes, and keeps a ping from any function', () => {
    const integrations = resourcesOf(waking, 'AWS::ApiGatewayV2::Integration')
    const routes = Object.values(resourcesOf(waking, 'AWS::ApiGatewayV2::Route'))
      .map(({ Properties }) => Properties)
      .filter(({ ApiId }) => asText(ApiId) === '<BrokerWakingApi>')
      .map(({ RouteKey, AuthorizationType, RouteResponseSelectionExpression, Target }) => {
        const { IntegrationType, IntegrationUri } = integrations[Target['Fn::Join'][1][1].Ref]!.Properties
        const by = IntegrationUri ? asText(IntegrationUri).match(/<Broker(\w+)\.Arn>/)![1] : IntegrationType
        return `${RouteKey}: ${AuthorizationType} ${by} ${RouteResponseSelectionExpression ?? 'silent'}`
      })
    expect(routes.sort()).toEqual([
      '$connect: AWS_IAM Listen silent',
      '$default: NONE Listen $default',
      'hello: NONE Listen $default',
      'ping: NONE MOCK silent',
    ])
    expect(socketApis(waking)[0]!.Properties.RouteSelectionExpression).toBe('$request.body.type')
  })

  test('is told to clients by fetches, and to whoever posts', () => {
    expect(asText(variablesOf(waking, 'Fetch').TIDEMARK_WAKING_URL)).toBe(
      'wss://<BrokerWakingApi>.execute-api.<AWS::Region>.<AWS::URLSuffix>/waking',
    )
    for (const name of ['Post', 'Dispatch'])
      expect(asText(variablesOf(waking, name).TIDEMARK_CONNECTIONS_URL)).toBe(
        'https://<BrokerWakingApi>.execute-api.<AWS::Region>.<AWS::URLSuffix>/waking',
      )
    expect(Object.keys(variablesOf(brokerOf({ waking: false }), 'Fetch'))).not.toContain(
      'TIDEMARK_WAKING_URL',
    )
  })
})

describe('the function on the stream', () => {
  test('is there for listeners alone, without a queue and without a schedule', () => {
    const variables = variablesOf(waking, 'Dispatch')
    expect(asText(variables.TIDEMARK_POST)).toBe('<BrokerPost>')
    expect(Object.keys(variables)).not.toContain('TIDEMARK_WAKE_UPS')
    expect(mappingsOf(waking, 'Dispatch')).toHaveLength(1)
    waking.resourceCountIs('AWS::SQS::Queue', 0)
    waking.resourceCountIs('AWS::Events::Rule', 1)
  })

  test('is the same one that triggers have, by the same names as without listeners', () => {
    const both = brokerOf({}, true)
    const variables = variablesOf(both, 'Dispatch')
    expect([asText(variables.TIDEMARK_POST), asText(variables.TIDEMARK_WAKE_UPS)]).toEqual([
      '<BrokerPost>',
      '<BrokerTriggersWakeUps>',
    ])
    // Another name would be a second mapping of the same function and stream, which Lambda refuses.
    const names = (template: Template) => mappingsOf(template, 'Dispatch').map(([id]) => id)
    expect(names(both)).toEqual(names(waking))
    expect(names(brokerOf({ waking: false }, true))).toEqual(names(waking))
  })

  test('is not there where there are neither', () => {
    expect(resourcesOf(brokerOf({ waking: false }), 'AWS::Lambda::EventSourceMapping')).not.toHaveProperty(
      mappingsOf(waking, 'Dispatch')[0]![0],
    )
  })

  test('hands on what is soon forgotten', () => {
    const invoked = Object.values(resourcesOf(waking, 'AWS::Lambda::EventInvokeConfig'))
      .map(({ Properties }) => Properties)
      .filter(({ FunctionName }) => asText(FunctionName) === '<BrokerPost>')
    expect(invoked).toMatchObject([{ MaximumEventAgeInSeconds: 60, MaximumRetryAttempts: 1 }])
  })
})

const POSTS =
  'execute-api:ManageConnections arn:<AWS::Partition>:execute-api:<AWS::Region>:<AWS::AccountId>:<BrokerWakingApi>/waking/POST/@connections/*'

describe('a role may do what its function does, and nothing else:', () => {
  const under = (key: string) => `if {"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["${key}"]}}`
  const logs = (name: string) => [
    `logs:CreateLogStream <Broker${name}Log.Arn>`,
    `logs:PutLogEvents <Broker${name}Log.Arn>`,
  ]
  const ofRole = (name: string, template = waking) =>
    permissionsIn(
      theResource(template, 'AWS::IAM::Role', `Broker${name}Role`).Properties.Policies[0].PolicyDocument,
    )

  test('Listen makes the key of tickets', () => {
    expect(ofRole('Listen')).toEqual([
      `dynamodb:GetItem <BrokerTable.Arn> ${under('waking')}`,
      `dynamodb:PutItem <BrokerTable.Arn> ${under('waking')}`,
      ...logs('Listen'),
    ])
  })

  test('Post posts to connections of its API', () => {
    expect(ofRole('Post')).toEqual([POSTS, ...logs('Post')])
  })

  test.each(['Fetch', 'Dispatch'])('%s arms and takes listeners, beside what it does without them', name => {
    const without = ofRole(name, brokerOf({ waking: false }, true))
    const added = ofRole(name, brokerOf({}, true)).filter(each => !without.includes(each))
    expect(added).toEqual([
      `dynamodb:DeleteItem <BrokerTable.Arn> ${under('wake#*')}`,
      `dynamodb:PutItem <BrokerTable.Arn> ${under('wake#*')}`,
      ...(name === 'Dispatch'
        ? [
            `dynamodb:UpdateItem <BrokerTable.Arn> ${under('wake#*')}`,
            POSTS,
            'lambda:InvokeFunction <BrokerPost.Arn>',
          ]
        : []),
    ])
  })

  test('and whoever reads may connect', () => {
    const grantsOf = (give: Grant, props = {}) => {
      const { Properties } = theResource(brokerOf(props, false, give), 'AWS::IAM::Policy', 'Caller')
      return permissionsIn(Properties.PolicyDocument)
    }
    expect(grantsOf((broker, role) => broker.grantConsume(role, 'orders'))).toContain(CONNECT)
    expect(grantsOf((broker, role) => broker.grantAdmin(role))).toContain(CONNECT)
    expect(grantsOf((broker, role) => broker.grantProduce(role, 'orders'))).not.toContain(CONNECT)
    expect(grantsOf((broker, role) => broker.grantAdmin(role, 'orders'))).not.toContain(CONNECT)
    expect(grantsOf((broker, role) => broker.grantConsume(role, 'orders'), { waking: false })).not.toContain(
      CONNECT,
    )
  })
})
