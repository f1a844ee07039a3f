import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib'
import type { Construct } from 'constructs'
import { TidemarkBroker, type TidemarkBrokerProps } from './broker.ts'

/** A broker on its own, with the outputs that the command line reads. */
export class TidemarkStack extends Stack {
  readonly broker: TidemarkBroker

  constructor(scope: Construct, id: string, props: StackProps & TidemarkBrokerProps = {}) {
    super(scope, id, { description: 'Tidemark: an event log without servers', ...props })
    this.broker = new TidemarkBroker(this, 'Broker', props)
    this.#output('ApiUrl', this.broker.apiUrl, 'What --broker takes')
    this.#output('TableName', this.broker.table.tableName, 'What --table takes')
    this.#output('BucketName', this.broker.bucket.bucketName, 'What --bucket takes')
    this.#output('Region', this.region, 'Where the broker is')
  }

  #output(id: string, value: string, description: string): void {
    new CfnOutput(this, id, { value, description })
  }
}
