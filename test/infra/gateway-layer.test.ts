import { App, Stack } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda'
import { AwsSolutionsChecks } from 'cdk-nag'
import { expect, test } from 'vitest'
import { TidemarkBroker, TidemarkGatewayLayer } from '../../infra/index.ts'
import { asText, BUNDLES, permissionsIn, theResource } from './synthesis.ts'

function build(runtime: Runtime) {
  const app = new App()
  const stack = new Stack(app, 'Test')
  const broker = new TidemarkBroker(stack, 'Broker', {
    bundles: BUNDLES,
    production: false,
    monitoring: false,
  })
  const layer = new TidemarkGatewayLayer(stack, 'Gateway', { broker, bundles: BUNDLES })
  const code = Code.fromInline('exports.handler = async () => {}')
  const handler = new LambdaFunction(stack, 'Handler', { runtime, handler: 'index.handler', code })
  layer.addTo(handler)
  return { app, stack }
}

test('a function finds its broker at localhost: the layer starts it, and knows its store', () => {
  const { stack } = build(Runtime.NODEJS_24_X)
  const template = Template.fromStack(stack)
  const { Layers, Environment } = theResource(template, 'AWS::Lambda::Function', 'Handler').Properties
  expect(Layers.map(asText)).toEqual(['<GatewayLayer>'])
  const { AWS_LAMBDA_EXEC_WRAPPER, TIDEMARK_TABLE, TIDEMARK_BUCKET } = Environment.Variables
  expect([AWS_LAMBDA_EXEC_WRAPPER, asText(TIDEMARK_TABLE), asText(TIDEMARK_BUCKET)]).toEqual([
    '/opt/tidemark/start',
    '<BrokerTable>',
    '<BrokerBucket>',
  ])
  const policy = theResource(template, 'AWS::IAM::Policy', 'HandlerServiceRoleDefaultPolicy').Properties
  expect(permissionsIn(policy.PolicyDocument)).toEqual(
    expect.arrayContaining([
      'dynamodb:UpdateItem <BrokerTable.Arn>',
      's3:GetObject <BrokerBucket.Arn>/log/*',
      's3:PutObject <BrokerBucket.Arn>/ingest/*',
    ]),
  )
})

test('what cannot run it is told so', () => {
  expect(() => build(Runtime.PYTHON_3_13)).toThrow(/runs on python3\.13: the gateway in it needs nodejs24\.x/)
})

test('cdk-nag finds nothing that is not known, but for what CDK gives functions', () => {
  const { app } = build(Runtime.NODEJS_24_X)
  const { violations } = new AwsSolutionsChecks().validateScope(app)
  const findings = violations.flatMap(({ ruleName, violatingResources }) =>
    violatingResources.map(({ constructPath }) => `${ruleName} ${constructPath}`),
  )
  expect(findings.filter(each => !each.includes('AwsSolutions-IAM4'))).toEqual([])
})
