/** The app of outbox.ts: the example's stack, with a topic beside it whose log says when each record came. */
import { App, CfnOutput } from 'aws-cdk-lib'
import { ShopStack } from '../../examples/outbox/shop-stack.ts'
import { Topic } from '../../infra/index.ts'

const app = new App()
const stack = new ShopStack(app, app.node.tryGetContext('stackName'))
const timed = new Topic(stack, 'timed', {
  partitions: 4,
  configs: { 'message.timestamp.type': 'LogAppendTime' },
})
new CfnOutput(stack, 'TimedTopic', { value: timed.outboxTopic })
