import { App, Validations } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { Bucket } from 'aws-cdk-lib/aws-s3'
import { AwsSolutionsChecks } from 'cdk-nag'
import { describe, expect, test } from 'vitest'
import { readSettings } from '../../infra/context.ts'
import { TidemarkStack } from '../../infra/index.ts'
import { asText, BUNDLES, theResource } from './synthesis.ts'

/** The stack that `cdk deploy -c …` would make. */
function stackOf(context: Record<string, unknown> = {}): { app: App; stack: TidemarkStack } {
  const app = new App({ context })
  const { stackName, ...settings } = readSettings(app.node)
  return { app, stack: new TidemarkStack(app, stackName, { ...settings, bundles: BUNDLES }) }
}

function templateOf(context: Record<string, unknown> = {}): Template {
  return Template.fromStack(stackOf(context).stack)
}

/** Assets are named by their bytes, which change with every function. */
function withoutHashes(template: Template): string {
  return `${JSON.stringify(template.toJSON(), null, 2).replace(/[0-9a-f]{64}\.zip/g, '<hash>.zip')}\n`
}

describe('the template', () => {
  test('for production is as it was reviewed', async () => {
    await expect(withoutHashes(templateOf({ production: true }))).toMatchFileSnapshot(
      '../golden/infra/production.template.json',
    )
  })

  test('for a trial is as it was reviewed', async () => {
    await expect(withoutHashes(templateOf())).toMatchFileSnapshot('../golden/infra/trial.template.json')
  })

  test('says what the command line needs to know', () => {
    const outputs = templateOf().toJSON().Outputs as Record<string, { Value: unknown }>
    const values = Object.entries(outputs).map(([name, { Value }]) => [name, asText(Value)])
    expect(Object.fromEntries(values)).toEqual({
      ApiUrl: '<BrokerApi.ApiEndpoint>',
      TableName: '<BrokerTable>',
      BucketName: '<BrokerBucket>',
      Region: '<AWS::Region>',
    })
  })

  test('is the same from run to run', () => {
    expect(templateOf().toJSON()).toEqual(templateOf().toJSON())
  })
})

describe('cdk-nag', () => {
  function findingsOf(app: App): string[] {
    const { violations } = new AwsSolutionsChecks().validateScope(app)
    return violations.flatMap(({ ruleName, violatingResources }) =>
      violatingResources.map(({ constructPath }) => `${ruleName} ${constructPath}`),
    )
  }

  test.each([
    ['production', { production: true }],
    ['trial', { production: false }],
    ['tracing', { tracing: true }],
    ['tokens', { jwtIssuer: 'https://login.example.com', jwtAudience: 'tidemark' }],
    ['silent', { monitoring: false }],
    ['another name', { stackName: 'Another' }],
  ])('finds nothing: %s', (_, context) => {
    expect(findingsOf(stackOf(context).app)).toEqual([])
  })

  test('would find something', () => {
    const { app, stack } = stackOf()
    new Bucket(stack, 'Careless')
    expect(findingsOf(app)).toEqual([
      'AwsSolutions-S1 Tidemark/Careless/Resource',
      'AwsSolutions-S10 Tidemark/Careless/Resource',
    ])
  })

  test('is told no more than it asks for', () => {
    const { app } = stackOf({ tracing: true })
    const acknowledged = app.node
      .findAll()
      .flatMap(construct =>
        construct.node.metadata
          .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
          .flatMap(({ data }) => Object.keys(data).map(rule => `${construct.node.path} ${rule}`)),
      )
      .map(line => line.replace(/Annotation::/i, '').replace(/[0-9A-F]{8}\.Arn/, '.Arn'))
    const objects = (role: string, ...prefixes: string[]) =>
      prefixes.map(
        prefix => `Tidemark/Broker/${role} AwsSolutions-IAM5[Resource::<BrokerBucket.Arn>/${prefix}/*]`,
      )
    const traces = 'AwsSolutions-IAM5[Resource::*]'
    expect(acknowledged.sort()).toEqual([
      `Tidemark/Broker/AdminRole ${traces}`,
      ...objects('AdminRole', 'deleted'),
      'Tidemark/Broker/Bucket AwsSolutions-S1',
      `Tidemark/Broker/FetchRole ${traces}`,
      ...objects('FetchRole', 'ingest', 'log', 'segments'),
      `Tidemark/Broker/FlushRole ${traces}`,
      ...objects('FlushRole', 'deleted', 'ingest', 'segments'),
      'Tidemark/Broker/FlushRole AwsSolutions-IAM5[Resource::<BrokerTable.Arn>/stream/*]',
      `Tidemark/Broker/MaintainRole ${traces}`,
      ...objects('MaintainRole', 'deleted', 'ingest', 'log', 'segments'),
      `Tidemark/Broker/ProduceRole ${traces}`,
      ...objects('ProduceRole', 'ingest', 'segments'),
      `Tidemark/Broker/RebalanceRole ${traces}`,
      ...objects('RebalanceRole', 'ingest', 'segments'),
    ])
  })
})

describe('the context', () => {
  test('names the stack', () => {
    expect(stackOf().stack.stackName).toBe('Tidemark')
    expect(stackOf({ stackName: 'Orders' }).stack.stackName).toBe('Orders')
  })

  test('says whether the data is worth something, as text too', () => {
    const policyOf = (context: Record<string, unknown>) =>
      theResource(templateOf(context), 'AWS::DynamoDB::Table').DeletionPolicy
    expect(policyOf({})).toBe('Delete')
    expect(policyOf({ production: 'false' })).toBe('Delete')
    expect(policyOf({ production: 'true' })).toBe('Retain')
  })

  test.each([
    [{ production: 'yes' }, 'production is true or false, not yes.'],
    [{ monitoring: 1 }, 'monitoring is true or false, not 1.'],
    [{ jwtIssuer: 'https://login.example.com' }, 'jwtIssuer and jwtAudience go together'],
    [{ jwtAudience: 'tidemark' }, 'jwtIssuer and jwtAudience go together'],
  ])('is refused where it cannot be: %j', (context, message) => {
    expect(() => stackOf(context)).toThrow(message)
  })
})
