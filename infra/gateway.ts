import { Duration, RemovalPolicy, Stack, Token, Validations } from 'aws-cdk-lib'
import * as autoscaling from 'aws-cdk-lib/aws-applicationautoscaling'
import type * as acm from 'aws-cdk-lib/aws-certificatemanager'
import * as ec2 from 'aws-cdk-lib/aws-ec2'
import * as ecs from 'aws-cdk-lib/aws-ecs'
import * as elb from 'aws-cdk-lib/aws-elasticloadbalancingv2'
import * as iam from 'aws-cdk-lib/aws-iam'
import * as logs from 'aws-cdk-lib/aws-logs'
import type * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager'
import { Construct } from 'constructs'
import { GATEWAY_CLOSE_MS_MAX } from '../src/core/limits.ts'
import { acknowledgeObjects } from './acknowledge.ts'
import type { TidemarkBroker } from './broker.ts'
import { gatewayImage } from './gateway-image.ts'
import { gatewayPermissions, gatewayPrefixes } from './permissions.ts'

export interface TidemarkGatewayProps {
  /** Whose store it serves. */
  readonly broker: TidemarkBroker
  /** Where it runs. Its private subnets need a way to S3, DynamoDB, the registry of the image and CloudWatch Logs. */
  readonly vpc: ec2.IVpc
  /**
   * Who may come: a secret whose value is a file of users, as `tidemark gateway-user` makes it. Default: everybody whom the
   * security groups let in.
   */
  readonly users?: secretsmanager.ISecret
  /** Serves over TLS, with this certificate of `domainName`. Default: in the clear, inside of the VPC. */
  readonly certificate?: acm.ICertificate
  /** What clients are told to connect to; a name that you have point to the load balancer. Default: the load balancer's own. */
  readonly domainName?: string
  /** Default: 9092. */
  readonly port?: number
  /** Lets the load balancer be reached from the internet, by whom the security groups let in. Needs `users`. Default: false. */
  readonly internetFacing?: boolean
  /** Makes topics that clients ask for, with so many partitions. Default: it does not. */
  readonly autoCreatePartitions?: number
  /** Tasks that run when nobody is connected. Default: 2, in two zones. */
  readonly minCapacity?: number
  /** Default: 10. */
  readonly maxCapacity?: number
  /** How many connections a task is to have, about, before another one is started. Default: 1,000. */
  readonly connectionsPerTask?: number
  /** Default: 1,024, one processor. */
  readonly cpu?: number
  /** Default: 2,048. */
  readonly memoryLimitMiB?: number
  /** Of the log. Default: one month. */
  readonly logRetention?: logs.RetentionDays
  /** Whose entry point is `tidemark gateway`. Default: made of this package, by Docker, when it is deployed. */
  readonly image?: ecs.ContainerImage
}

/** How long a task may take to stop: what is under way, and then the store. */
const STOP_TIMEOUT = Duration.seconds(30)
/** Health is a connection that is accepted. */
const HEALTH_INTERVAL = Duration.seconds(10)
/** Of processor time, by which tasks are added, too: few busy connections are as much work as many idle ones. */
const CPU_PERCENT = 60

/**
 * Kafka's clients on a broker's store: a service on Fargate behind a network load balancer, in private subnets. Nobody may connect
 * until `connections` says so. It costs by the hour, used or not, which the broker itself does not.
 */
export class TidemarkGateway extends Construct implements ec2.IConnectable {
  /** Who may connect: `gateway.connections.allowDefaultPortFrom(…)`. */
  readonly connections: ec2.Connections
  readonly loadBalancer: elb.NetworkLoadBalancer
  readonly service: ecs.FargateService
  /** What Kafka's clients take: HOST:PORT. */
  readonly bootstrapServers: string

  constructor(scope: Construct, id: string, props: TidemarkGatewayProps) {
    super(scope, id)
    check(props)
    const { vpc, port = 9092, internetFacing = false, certificate, minCapacity = 2 } = props
    const securityGroup = new ec2.SecurityGroup(this, 'LoadBalancerGroup', {
      vpc,
      description: `Who may connect to ${this.node.path}`,
      allowAllOutbound: false,
    })
    this.connections = new ec2.Connections({
      securityGroups: [securityGroup],
      defaultPort: ec2.Port.tcp(port),
    })
    this.loadBalancer = new elb.NetworkLoadBalancer(this, 'LoadBalancer', {
      vpc,
      internetFacing,
      securityGroups: [securityGroup],
      crossZoneEnabled: true,
    })
    Validations.of(this.loadBalancer).acknowledge({
      id: 'AwsSolutions-ELB2',
      reason:
        'A network load balancer logs TLS connections only. The gateway logs those that end for a reason.',
    })
    const host = props.domainName ?? this.loadBalancer.loadBalancerDnsName
    this.bootstrapServers = `${host}:${port}`
    this.service = this.#makeService(props, minCapacity)
    this.service.connections.allowFrom(securityGroup, ec2.Port.tcp(port))
    securityGroup.connections.allowTo(this.service, ec2.Port.tcp(port))
    const listener = this.loadBalancer.addListener('Kafka', {
      port,
      protocol: certificate ? elb.Protocol.TLS : elb.Protocol.TCP,
      ...(certificate && { certificates: [certificate], sslPolicy: elb.SslPolicy.RECOMMENDED_TLS }),
    })
    const targets = new elb.NetworkTargetGroup(this, 'Tasks', {
      vpc,
      port,
      protocol: elb.Protocol.TCP,
      targets: [this.service],
      // Its clients go on with another task, as soon as their requests are answered.
      deregistrationDelay: Duration.millis(GATEWAY_CLOSE_MS_MAX),
      connectionTermination: true,
      healthCheck: { protocol: elb.Protocol.TCP, interval: HEALTH_INTERVAL },
    })
    listener.addTargetGroups('ToTasks', targets)
    this.#scale(props, minCapacity)
  }

  #makeService(props: TidemarkGatewayProps, desiredCount: number): ecs.FargateService {
    const { broker, vpc, port = 9092, users, cpu = 1024, memoryLimitMiB = 2048 } = props
    const { logRetention: retention = logs.RetentionDays.ONE_MONTH } = props
    const cluster = new ecs.Cluster(this, 'Cluster', {
      vpc,
      containerInsightsV2: ecs.ContainerInsights.ENABLED,
    })
    const task = new ecs.FargateTaskDefinition(this, 'Task', {
      cpu,
      memoryLimitMiB,
      taskRole: this.#makeRole(broker),
      runtimePlatform: {
        cpuArchitecture: ecs.CpuArchitecture.ARM64,
        operatingSystemFamily: ecs.OperatingSystemFamily.LINUX,
      },
    })
    const logGroup = new logs.LogGroup(this, 'Log', { retention, removalPolicy: RemovalPolicy.DESTROY })
    task.addContainer('Gateway', {
      image: props.image ?? gatewayImage(this),
      command: this.#command(props),
      portMappings: [{ containerPort: port }],
      environment: {
        TIDEMARK_TABLE: broker.table.tableName,
        TIDEMARK_BUCKET: broker.bucket.bucketName,
      },
      ...(users && { secrets: { TIDEMARK_USERS: ecs.Secret.fromSecretsManager(users) } }),
      logging: ecs.LogDrivers.awsLogs({ logGroup, streamPrefix: 'gateway' }),
      readonlyRootFilesystem: true,
      stopTimeout: STOP_TIMEOUT,
    })
    Validations.of(task).acknowledge({
      id: 'AwsSolutions-ECS2',
      reason: 'Names of a table and a bucket are no secrets; users, who are, come from Secrets Manager.',
    })
    return new ecs.FargateService(this, 'Service', {
      // CDK's own classes do not fit its interfaces where optional members may not be undefined.
      cluster: cluster as ecs.ICluster,
      taskDefinition: task,
      desiredCount,
      minHealthyPercent: 100,
      circuitBreaker: { rollback: true },
      vpcSubnets: { subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS },
    })
  }

  /** What the command is told. All tasks are one broker of Kafka's: whoever connects anew may get another one. */
  #command({ port = 9092, users, certificate, autoCreatePartitions }: TidemarkGatewayProps): string[] {
    return [
      '--aws',
      '--listen',
      `0.0.0.0:${port}`,
      '--advertise',
      this.bootstrapServers,
      // The load balancer has spoken TLS by then, and security groups say who comes without users.
      ...(users && !certificate ? [] : ['--insecure']),
      ...(autoCreatePartitions === undefined ? [] : ['--auto-create', String(autoCreatePartitions)]),
    ]
  }

  #makeRole(broker: TidemarkBroker): iam.Role {
    const statements = gatewayPermissions({ bucket: broker.bucket, table: broker.table })
    const role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('ecs-tasks.amazonaws.com'),
      description: `What the gateway ${this.node.path} may do`,
      inlinePolicies: { Permissions: new iam.PolicyDocument({ statements }) },
    })
    acknowledgeObjects(role, broker.bucket, gatewayPrefixes)
    return role
  }

  /** By connections, of which the load balancer counts all: a task more for each so many of them. */
  #scale({ maxCapacity = 10, connectionsPerTask = 1_000 }: TidemarkGatewayProps, minCapacity: number): void {
    if (maxCapacity === minCapacity) return
    const scaling = this.service.autoScaleTaskCount({ minCapacity, maxCapacity })
    const counts = Array.from({ length: maxCapacity - minCapacity + 1 }, (_, index) => minCapacity + index)
    scaling.scaleOnMetric('Connections', {
      metric: this.loadBalancer.metrics.activeFlowCount({ period: Duration.minutes(1) }),
      adjustmentType: autoscaling.AdjustmentType.EXACT_CAPACITY,
      scalingSteps: counts.map(count => ({
        ...(count > minCapacity && { lower: (count - 1) * connectionsPerTask }),
        ...(count < maxCapacity && { upper: count * connectionsPerTask }),
        change: count,
      })),
    })
    scaling.scaleOnCpuUtilization('Processor', { targetUtilizationPercent: CPU_PERCENT })
  }
}

/** @throws Error where it could not work, or would let everybody in */
function check(props: TidemarkGatewayProps): void {
  const { internetFacing, users, certificate, domainName, minCapacity = 2, maxCapacity = 10 } = props
  if (internetFacing && !users) {
    throw new Error(
      'A gateway that is reached from the internet needs `users`: anybody could read and write.',
    )
  }
  if (certificate && domainName === undefined) {
    throw new Error(
      '`certificate` is for a name: say which with `domainName`, and have it point to `loadBalancer`.',
    )
  }
  if (!Token.isUnresolved(minCapacity) && minCapacity > maxCapacity) {
    throw new Error('`minCapacity` is above `maxCapacity`.')
  }
  if (Stack.of(props.broker).region !== Stack.of(props.vpc).region) {
    throw new Error('The gateway runs where its broker is: its VPC is in another region.')
  }
}
