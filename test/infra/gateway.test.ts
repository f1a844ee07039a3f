import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { App, Stack } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager'
import { type IVpc, Peer, Port, Vpc } from 'aws-cdk-lib/aws-ec2'
import { ContainerImage } from 'aws-cdk-lib/aws-ecs'
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager'
import { AwsSolutionsChecks } from 'cdk-nag'
import { expect, test } from 'vitest'
import { TidemarkBroker, TidemarkGateway, type TidemarkGatewayProps } from '../../infra/index.ts'
import { asText, BUNDLES, permissionsIn, resourcesOf, theResource } from './synthesis.ts'

const IMAGE = ContainerImage.fromRegistry('tidemark')

function build(
  props: Partial<TidemarkGatewayProps> | ((stack: Stack) => Partial<TidemarkGatewayProps>) = {},
) {
  const app = new App()
  const stack = new Stack(app, 'Test')
  const broker = new TidemarkBroker(stack, 'Broker', {
    bundles: BUNDLES,
    production: false,
    monitoring: false,
  })
  const vpc = vpcIn(stack)
  const more = typeof props === 'function' ? props(stack) : props
  const gateway = new TidemarkGateway(stack, 'Gateway', { broker, vpc, image: IMAGE, ...more })
  return { app, stack, gateway, template: () => Template.fromStack(stack) }
}

const certificateIn = (stack: Stack) =>
  Certificate.fromCertificateArn(stack, 'Certificate', 'arn:aws:acm:eu-west-1:123456789012:certificate/c')
// CDK's own classes do not fit its interfaces where optional members may not be undefined.
const usersIn = (stack: Stack) => new Secret(stack, 'Users') as ISecret
const vpcIn = (stack: Stack) => new Vpc(stack, 'Vpc', { maxAzs: 2 }) as IVpc

test('runs in private subnets, behind a load balancer that nobody reaches until somebody says who may', () => {
  const { gateway, template } = build()
  const before = template()
  const service = theResource(before, 'AWS::ECS::Service').Properties
  expect(service.LaunchType).toBe('FARGATE')
  expect(service.DesiredCount).toBe(2)
  expect(service.NetworkConfiguration.AwsvpcConfiguration.AssignPublicIp).toBe('DISABLED')
  const balancer = theResource(before, 'AWS::ElasticLoadBalancingV2::LoadBalancer').Properties
  expect([balancer.Type, balancer.Scheme]).toEqual(['network', 'internal'])
  expect(
    theResource(before, 'AWS::EC2::SecurityGroup', 'GatewayLoadBalancerGroup').Properties
      .SecurityGroupIngress,
  ).toBe(undefined)
  // From the load balancer to the tasks, and from nowhere else.
  const inbound = Object.values(resourcesOf(before, 'AWS::EC2::SecurityGroupIngress')).map(
    ({ Properties }) => [Properties.FromPort, Properties.ToPort, asText(Properties.SourceSecurityGroupId)],
  )
  expect(inbound).toEqual([[9092, 9092, '<GatewayLoadBalancerGroup.GroupId>']])
  const open = build()
  open.gateway.connections.allowDefaultPortFrom(Peer.ipv4('10.0.0.0/16'))
  expect(
    theResource(open.template(), 'AWS::EC2::SecurityGroup', 'GatewayLoadBalancerGroup').Properties
      .SecurityGroupIngress,
  ).toMatchObject([{ CidrIp: '10.0.0.0/16', FromPort: 9092, ToPort: 9092 }])
  expect(gateway.connections.defaultPort).toEqual(Port.tcp(9092))
})

test('the command knows its store, and tells clients of the load balancer', () => {
  const task = theResource(
    build({ autoCreatePartitions: 4 }).template(),
    'AWS::ECS::TaskDefinition',
  ).Properties
  const [container] = task.ContainerDefinitions
  expect(container.Command.map(asText)).toEqual([
    '--aws',
    '--listen',
    '0.0.0.0:9092',
    '--advertise',
    '<GatewayLoadBalancer.DNSName>:9092',
    '--insecure',
    '--auto-create',
    '4',
  ])
  expect(
    container.Environment.map(({ Name, Value }: { Name: string; Value: unknown }) => [Name, asText(Value)]),
  ).toEqual([
    ['TIDEMARK_TABLE', '<BrokerTable>'],
    ['TIDEMARK_BUCKET', '<BrokerBucket>'],
  ])
  expect([container.ReadonlyRootFilesystem, container.StopTimeout]).toEqual([true, 30])
})

test('users come as a secret, and then nobody is let in without one', () => {
  const { template } = build(stack => ({ users: usersIn(stack), internetFacing: true }))
  const [container] = theResource(template(), 'AWS::ECS::TaskDefinition').Properties.ContainerDefinitions
  expect(container.Secrets).toMatchObject([{ Name: 'TIDEMARK_USERS' }])
  expect(container.Command).not.toContain('--insecure')
  expect(theResource(template(), 'AWS::ElasticLoadBalancingV2::LoadBalancer').Properties.Scheme).toBe(
    'internet-facing',
  )
})

test('a certificate serves over TLS, under its name', () => {
  const { gateway, template } = build(stack => ({
    users: usersIn(stack),
    certificate: certificateIn(stack),
    domainName: 'kafka.example.org',
  }))
  expect(gateway.bootstrapServers).toBe('kafka.example.org:9092')
  const listener = theResource(template(), 'AWS::ElasticLoadBalancingV2::Listener').Properties
  expect([listener.Protocol, listener.Port]).toEqual(['TLS', 9092])
  expect(theResource(template(), 'AWS::ElasticLoadBalancingV2::TargetGroup').Properties.Protocol).toBe('TCP')
})

test('a task more comes with every thousand connections, and where processors are busy', () => {
  const scaled = build({ minCapacity: 1, maxCapacity: 4 }).template()
  const target = theResource(scaled, 'AWS::ApplicationAutoScaling::ScalableTarget').Properties
  expect([target.MinCapacity, target.MaxCapacity]).toEqual([1, 4])
  const policies = Object.values(resourcesOf(scaled, 'AWS::ApplicationAutoScaling::ScalingPolicy'))
  const steps = policies.flatMap(({ Properties }) => {
    const { AdjustmentType, StepAdjustments } = Properties.StepScalingPolicyConfiguration ?? {}
    return (StepAdjustments ?? []).map((step: { ScalingAdjustment: number }) => [
      AdjustmentType,
      step.ScalingAdjustment,
    ])
  })
  expect(new Set(steps.map(([, change]) => change))).toEqual(new Set([1, 2, 3, 4]))
  expect(new Set(steps.map(([type]) => type))).toEqual(new Set(['ExactCapacity']))
  const alarms = Object.values(resourcesOf(scaled, 'AWS::CloudWatch::Alarm')).map(
    ({ Properties }) => Properties,
  )
  expect(alarms.map(({ MetricName }) => MetricName)).toEqual(['ActiveFlowCount', 'ActiveFlowCount'])
  expect(
    build({ minCapacity: 1, maxCapacity: 1 })
      .template()
      .findResources('AWS::ApplicationAutoScaling::ScalableTarget'),
  ).toEqual({})
})

test('it may do what the functions behind the API may do, and nothing else', () => {
  const role = theResource(build().template(), 'AWS::IAM::Role', 'GatewayRole').Properties
  const [{ PolicyDocument }] = role.Policies
  expect(permissionsIn(PolicyDocument).filter(line => !line.includes(' if '))).toEqual([
    'dynamodb:BatchWriteItem <BrokerTable.Arn>',
    'dynamodb:DeleteItem <BrokerTable.Arn>',
    'dynamodb:GetItem <BrokerTable.Arn>',
    'dynamodb:GetItem <BrokerTable.Arn>',
    'dynamodb:PutItem <BrokerTable.Arn>',
    'dynamodb:Query <BrokerTable.Arn>',
    'dynamodb:Query <BrokerTable.Arn>',
    'dynamodb:UpdateItem <BrokerTable.Arn>',
    's3:GetObject <BrokerBucket.Arn>/format.json',
    's3:GetObject <BrokerBucket.Arn>/ingest/*',
    's3:GetObject <BrokerBucket.Arn>/ingest/*',
    's3:GetObject <BrokerBucket.Arn>/log/*',
    's3:GetObject <BrokerBucket.Arn>/segments/*',
    's3:GetObject <BrokerBucket.Arn>/segments/*',
    's3:ListBucket <BrokerBucket.Arn>',
    's3:PutObject <BrokerBucket.Arn>/deleted/*',
    's3:PutObject <BrokerBucket.Arn>/format.json',
    's3:PutObject <BrokerBucket.Arn>/ingest/*',
    's3:PutObject <BrokerBucket.Arn>/segments/*',
  ])
})

test.each<[string, (stack: Stack) => Partial<TidemarkGatewayProps>, RegExp]>([
  ['from the internet without users', () => ({ internetFacing: true }), /needs `users`/],
  [
    'a certificate without a name',
    stack => ({ certificate: certificateIn(stack) }),
    /say which with `domainName`/,
  ],
  ['more at least than at most', () => ({ minCapacity: 5, maxCapacity: 4 }), /`minCapacity` is above/],
])('%s is refused', (_, props, problem) => {
  expect(() => build(props)).toThrow(problem)
})

test('the image is made of the sources, with no secrets and no tests in it', () => {
  const app = new App()
  const stack = new Stack(app, 'Test')
  const broker = new TidemarkBroker(stack, 'Broker', { bundles: BUNDLES, monitoring: false })
  new TidemarkGateway(stack, 'Gateway', { broker, vpc: vpcIn(stack) })
  const outdir = app.synth().directory
  const [asset] = readdirSync(outdir).filter(name => {
    try {
      return readdirSync(join(outdir, name)).includes('Dockerfile') && name.startsWith('asset.')
    } catch {
      return false
    }
  })
  expect(readdirSync(join(outdir, asset!)).toSorted()).toEqual([
    'Dockerfile',
    'package-lock.json',
    'package.json',
    'src',
  ])
  expect(readFileSync(join(outdir, asset!, 'Dockerfile'), 'utf8')).toContain('"gateway"]')
})

test('cdk-nag finds nothing in it that is not known', () => {
  const { app } = build(stack => ({ users: usersIn(stack) }))
  const { violations } = new AwsSolutionsChecks().validateScope(app)
  const findings = violations.flatMap(({ ruleName, violatingResources }) =>
    violatingResources.map(({ constructPath }) => `${ruleName} ${constructPath}`),
  )
  expect(findings.filter(each => each.includes('Test/Gateway/'))).toEqual([])
})
