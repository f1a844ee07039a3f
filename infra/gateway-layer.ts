import { join } from 'node:path'
import * as lambda from 'aws-cdk-lib/aws-lambda'
import { Construct } from 'constructs'
import { acknowledgeObjects } from './acknowledge.ts'
import type { TidemarkBroker } from './broker.ts'
import { findBundles } from './bundles.ts'
import { gatewayPermissions, gatewayPrefixes } from './permissions.ts'

export interface TidemarkGatewayLayerProps {
  /** Whose store the functions reach. */
  readonly broker: TidemarkBroker
  /** A directory with `gateway-layer/tidemark/start`. Default: the one of this package. */
  readonly bundles?: string
}

/**
 * A gateway inside of Lambda functions: whatever Kafka client they use finds a broker at `localhost:9092`, which is a process
 * beside theirs, with their rights. It costs nothing while they do not run, and needs no VPC.
 */
export class TidemarkGatewayLayer extends Construct {
  readonly layer: lambda.LayerVersion
  readonly #broker: TidemarkBroker

  constructor(scope: Construct, id: string, { broker, bundles }: TidemarkGatewayLayerProps) {
    super(scope, id)
    this.#broker = broker
    this.layer = new lambda.LayerVersion(this, 'Layer', {
      description: `Kafka's protocol at localhost:9092, on the store of ${broker.node.path}`,
      code: lambda.Code.fromAsset(join(bundles ?? findBundles(this), 'gateway-layer')),
      compatibleRuntimes: [lambda.Runtime.NODEJS_24_X],
    })
  }

  /**
   * Gives a function the gateway, and the right to all that it can be asked for: all topics and groups.
   * @throws Error where the function's runtime has no Node to run it with
   */
  addTo(target: lambda.Function): void {
    if (target.runtime.name !== lambda.Runtime.NODEJS_24_X.name) {
      throw new Error(
        `${target.node.path} runs on ${target.runtime.name}: the gateway in it needs ${lambda.Runtime.NODEJS_24_X.name}.`,
      )
    }
    const { table, bucket } = this.#broker
    target.addLayers(this.layer)
    target.addEnvironment('AWS_LAMBDA_EXEC_WRAPPER', '/opt/tidemark/start')
    target.addEnvironment('TIDEMARK_TABLE', table.tableName)
    target.addEnvironment('TIDEMARK_BUCKET', bucket.bucketName)
    for (const statement of gatewayPermissions({ table, bucket })) target.addToRolePolicy(statement)
    const policy = target.role!.node.tryFindChild('DefaultPolicy')
    if (policy) acknowledgeObjects(policy, bucket, gatewayPrefixes)
  }
}
