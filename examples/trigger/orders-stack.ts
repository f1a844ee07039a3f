import { join } from 'node:path'
import { CfnOutput, Duration, type StackProps } from 'aws-cdk-lib'
import { Architecture, Runtime, StartingPosition } from 'aws-cdk-lib/aws-lambda'
import { SqsDlq } from 'aws-cdk-lib/aws-lambda-event-sources'
import { NodejsFunction } from 'aws-cdk-lib/aws-lambda-nodejs'
import { Queue } from 'aws-cdk-lib/aws-sqs'
import type { Construct } from 'constructs'
// In an app of your own: from 'tidemark/cdk'.
import { type TidemarkBrokerProps, TidemarkEventSource, TidemarkStack, Topic } from '../../infra/index.ts'

/** A broker, a topic, a function that gets the topic's records, and a queue for those that it cannot take. */
export class OrdersStack extends TidemarkStack {
  constructor(scope: Construct, id: string, props: StackProps & TidemarkBrokerProps = {}) {
    super(scope, id, { production: false, ...props })
    const orders = new Topic(this, 'orders', { partitions: 4 })
    const failures = new Queue(this, 'Failures', { retentionPeriod: Duration.days(14), enforceSSL: true })

    const handler = new NodejsFunction(this, 'OrderHandler', {
      entry: join(import.meta.dirname, 'order-handler.ts'),
      depsLockFilePath: join(import.meta.dirname, '../../package-lock.json'),
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      timeout: Duration.seconds(30),
    })
    handler.addEventSource(
      new TidemarkEventSource(orders, {
        groupId: 'order-handler',
        startingPosition: StartingPosition.TRIM_HORIZON,
        batchSize: 100,
        // A batch that fails is halved until the record at fault stands alone; that one is tried three times, and
        // then told to the queue. The others go on.
        bisectBatchOnError: true,
        retryAttempts: 2,
        onFailure: new SqsDlq(failures),
      }),
    )
    new CfnOutput(this, 'FailuresUrl', { value: failures.queueUrl, description: 'What could not be handled' })
    new CfnOutput(this, 'HandlerName', {
      value: handler.functionName,
      description: 'The function, and its log',
    })
  }
}
