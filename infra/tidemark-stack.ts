import { Stack, type StackProps } from 'aws-cdk-lib'
import type { Construct } from 'constructs'
import { TidemarkBroker } from './broker.ts'
import type { TidemarkBrokerProps } from './broker-props.ts'

/** A broker on its own, with the outputs that the command line reads. */
export class TidemarkStack extends Stack {
  readonly broker: TidemarkBroker

  constructor(scope: Construct, id: string, props: StackProps & TidemarkBrokerProps = {}) {
    super(scope, id, { description: 'Tidemark: an event log without servers', ...props })
    this.broker = new TidemarkBroker(this, 'Broker', props)
    this.broker.addOutputs()
  }
}
