import { openListenerStore } from '../../src/adapters/aws/table/open-listener-store.ts'
import { systemClock, systemEntropy } from '../../src/embedded/system.ts'
import { readEnvironment } from '../runtime/environment.ts'
import { openTelemetry } from '../runtime/telemetry.ts'
import { makeListenFunction } from './listen-function.ts'

const { table, isTraced, logsRequests } = readEnvironment(process.env)

/** The messages of a WebSocket API of those who want to be woken. */
export const handler = makeListenFunction({
  listeners: openListenerStore({ table }),
  telemetry: await openTelemetry({ service: 'listen', broker: table, isTraced, logsRequests }),
  clock: systemClock,
  entropy: systemEntropy,
})
