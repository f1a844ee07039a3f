import { awsFailureDestinations } from '../../src/adapters/aws/delivery/failure-destinations.ts'
import { LambdaFunctionCaller } from '../../src/adapters/aws/delivery/lambda-function-caller.ts'
import { SqsWakeUps } from '../../src/adapters/aws/delivery/sqs-wake-ups.ts'
import { TopicDirectory } from '../../src/broker/topics/topic-directory.ts'
import { Delivery } from '../../src/broker/triggers/delivering/delivery.ts'
import { topicFailures, topicOfDestination } from '../../src/broker/triggers/delivering/topic-destination.ts'
import type { FunctionCaller } from '../../src/ports/function-caller.ts'
import { openBucketOnDemand } from '../runtime/bucket-on-demand.ts'
import { readEnvironment, requireVariable } from '../runtime/environment.ts'
import { openBroker } from '../runtime/open-broker.ts'
import { openService } from '../runtime/service.ts'
import { makeDeliverFunction } from './deliver-function.ts'

// On demand: records that have just come are in the table.
const service = await openService('deliver', openBucketOnDemand)
const { ports, telemetry } = service
const queueUrl = requireVariable(process.env, 'TIDEMARK_WAKE_UPS', 'the URL of the queue of wake-ups')
const bootstrapServers = requireVariable(
  process.env,
  'TIDEMARK_BOOTSTRAP_SERVERS',
  'what events name as their source, host:port',
)
const broker = openBroker(service)

async function openFunctions(): Promise<FunctionCaller> {
  const functions = new LambdaFunctionCaller()
  const { testFault } = readEnvironment(process.env)
  if (testFault === undefined) return functions
  const { withCallFault } = await import('../runtime/test-fault.ts')
  return withCallFault(functions, testFault, telemetry)
}

const topics = topicFailures(broker)
const places = awsFailureDestinations(() => ports.clock.nowMs())
const delivery = new Delivery(
  {
    ...ports,
    functions: await openFunctions(),
    failures: {
      send: (destination, givenUp) =>
        (topicOfDestination(destination) === undefined ? places : topics).send(destination, givenUp),
    },
  },
  broker,
  new TopicDirectory(ports.topics, ports.clock),
  { bootstrapServers },
)

/** Records to users' functions, woken by the queue of wake-ups. */
export const handler = makeDeliverFunction(service, delivery, new SqsWakeUps(queueUrl))
