/**
 * The app of triggers.aws.test.ts: the example's stack, with functions beside it that write down what they get, and with
 * some of what goes wrong with users' functions.
 */
import { App, CfnOutput, RemovalPolicy } from 'aws-cdk-lib'
import { Code, Function as LambdaFunction, Runtime, StartingPosition } from 'aws-cdk-lib/aws-lambda'
import { LogGroup } from 'aws-cdk-lib/aws-logs'
import { OrdersStack } from '../../examples/trigger/orders-stack.ts'
import { TidemarkEventSource, type TidemarkEventSourceProps, Topic } from '../../infra/index.ts'

/** Writes a line for each event: the partition, and each record's offset and value. */
const WRITE_DOWN = `
  const [[name, records]] = Object.entries(event.records)
  console.log('GOT ' + JSON.stringify({
    name, startedMs: Date.now(), records: records.map(({ offset, timestamp, value }) => [offset, timestamp, value]),
  }))`

const app = new App()
const stack = new OrdersStack(app, app.node.tryGetContext('stackName'))

function makeFunction(id: string, body: string): LambdaFunction {
  const logGroup = new LogGroup(stack, `${id}Log`, { removalPolicy: RemovalPolicy.DESTROY })
  new CfnOutput(stack, `${id}LogName`, { value: logGroup.logGroupName })
  return new LambdaFunction(stack, id, {
    runtime: Runtime.NODEJS_24_X,
    handler: 'index.handler',
    code: Code.fromInline(`exports.handler = async event => {${body}}`),
    logGroup,
  })
}

function subscribe(
  target: LambdaFunction,
  topic: Topic,
  props: Partial<TidemarkEventSourceProps> & { readonly groupId: string },
): void {
  const startingPosition = StartingPosition.TRIM_HORIZON
  target.addEventSource(new TidemarkEventSource(topic, { startingPosition, ...props }))
}

const recorder = makeFunction('Recorder', WRITE_DOWN)
for (const file of [0, 1, 2, 3]) {
  const topic = new Topic(stack, `file-${file}`, { partitions: file === 0 ? 4 : 1 })
  // Paused, so that there is a backlog when it begins.
  subscribe(recorder, topic, { groupId: 'files', enabled: false, batchSize: 500 })
}
subscribe(recorder, new Topic(stack, 'killed'), { groupId: 'killed', batchSize: 100 })
subscribe(recorder, new Topic(stack, 'timed'), { groupId: 'timed' })

const stubborn = makeFunction(
  'Stubborn',
  `
  if ('stubborn-0' in event.records) throw new Error('never this one')
  ${WRITE_DOWN}`,
)
subscribe(stubborn, new Topic(stack, 'stubborn', { partitions: 2 }), { groupId: 'stubborn' })

// What delivers writes a line for each time it runs.
const { dispatchFunction, deliverFunction } = stack.broker.deliveryForTriggers()
for (const [name, each] of Object.entries({
  Dispatch: dispatchFunction,
  Deliver: deliverFunction,
  Flush: stack.broker.flushFunction,
})) {
  new CfnOutput(stack, `${name}LogName`, { value: each.logGroup.logGroupName })
}
