import { GatewaySockets } from '../../src/adapters/aws/delivery/gateway-sockets.ts'
import { readEnvironment, requireVariable } from '../runtime/environment.ts'
import { openTelemetry } from '../runtime/telemetry.ts'
import { makePostFunction } from './post-function.ts'

const { table, isTraced, logsRequests } = readEnvironment(process.env)
const url = requireVariable(
  process.env,
  'TIDEMARK_CONNECTIONS_URL',
  'the address of the WebSocket API’s stage',
)
const region = process.env.AWS_REGION

/** What the function that learns of changes hands on, to the sockets of listeners. */
export const handler = makePostFunction({
  sockets: new GatewaySockets({ url, ...(region && { region }) }),
  telemetry: await openTelemetry({ service: 'post', broker: table, isTraced, logsRequests }),
})
