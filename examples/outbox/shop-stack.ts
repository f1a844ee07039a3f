import { join } from 'node:path'
import { CfnOutput, Duration, RemovalPolicy, type StackProps } from 'aws-cdk-lib'
import { AttributeType, BillingMode, Table } from 'aws-cdk-lib/aws-dynamodb'
import { Architecture, Runtime, StartingPosition } from 'aws-cdk-lib/aws-lambda'
import { NodejsFunction, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs'
import type { Construct } from 'constructs'
// In an app of your own: from 'tidemark/cdk'.
import { type TidemarkBrokerProps, TidemarkEventSource, TidemarkStack, Topic } from '../../infra/index.ts'

const WITHOUT_NATIVE = { snappy: 'snappy.ts', 'lz4-napi': 'lz4-napi.ts', '@node-rs/crc32': 'crc32.ts' }

/** A shop with a table of its own, a broker, a function that keeps orders and tells of them, and one that ships them. */
export class ShopStack extends TidemarkStack {
  constructor(scope: Construct, id: string, props: StackProps & TidemarkBrokerProps = {}) {
    super(scope, id, { production: false, ...props })
    const orders = new Topic(this, 'orders', { partitions: 4 })
    const shop = new Table(this, 'Shop', {
      partitionKey: { name: 'id', type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      removalPolicy: RemovalPolicy.DESTROY,
    })

    const placeOrder = this.#makeFunction('PlaceOrder', 'place-order.ts', {
      SHOP_TABLE: shop.tableName,
      TIDEMARK_TABLE: this.broker.table.tableName,
      ORDERS_TOPIC: orders.outboxTopic,
    })
    shop.grantWriteData(placeOrder)
    this.broker.grantOutbox(placeOrder)

    const shipOrder = this.#makeFunction('ShipOrder', 'ship-order.ts')
    shipOrder.addEventSource(
      new TidemarkEventSource(orders, {
        groupId: 'shipping',
        startingPosition: StartingPosition.TRIM_HORIZON,
      }),
    )
    new CfnOutput(this, 'ShopTable', { value: shop.tableName, description: 'The orders' })
    new CfnOutput(this, 'PlaceOrderName', { value: placeOrder.functionName, description: 'Takes an order' })
    new CfnOutput(this, 'ShipOrderName', {
      value: shipOrder.functionName,
      description: 'Its log has the orders',
    })
  }

  #makeFunction(id: string, entry: string, environment: Record<string, string> = {}): NodejsFunction {
    return new NodejsFunction(this, id, {
      entry: join(import.meta.dirname, entry),
      depsLockFilePath: join(import.meta.dirname, '../../package-lock.json'),
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      timeout: Duration.seconds(30),
      environment,
      bundling: {
        // With the client that was tested, and without the native modules that packages for another processor would need.
        externalModules: [],
        esbuildArgs: Object.fromEntries(
          Object.entries(WITHOUT_NATIVE).map(([name, file]) => [
            `--alias:${name}`,
            join(import.meta.dirname, '../../functions/without-native', file),
          ]),
        ),
        format: OutputFormat.ESM,
        banner: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);",
      },
    })
  }
}
