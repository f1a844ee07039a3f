import type { openAwsBucket } from '../../src/adapters/aws/objects/aws-bucket.ts'
import { openAwsTable } from '../../src/adapters/aws/table/aws-table.ts'
import { countTableWrites, UsageMeter } from '../../src/adapters/aws/usage-meter.ts'
import { systemClock, systemEntropy } from '../../src/embedded/system.ts'
import type { Ports } from '../../src/ports/index.ts'
import type { ListenerStore } from '../../src/ports/listener-store.ts'
import type { ObjectLocator } from '../../src/ports/object-locator.ts'
import { readEnvironment } from './environment.ts'
import { openTelemetry, type Telemetry } from './telemetry.ts'

export interface Service {
  readonly ports: Ports
  readonly locator: ObjectLocator
  /** Whom changes are to wake. */
  readonly listeners: ListenerStore
  readonly telemetry: Telemetry
  /** Requests that have changed something in the table since this was last asked: what most of the bill comes from. */
  readonly takeTableWrites: () => number
}

/** Those that may write anything into the table, and so what it says of its store. */
const STATING: readonly string[] = ['admin', 'flush', 'maintain', 'rebalance']
/** Those that may write what the bucket says of itself. */
const STATING_IN_BUCKET: readonly string[] = ['flush', 'maintain']

/**
 * Opens the store that the environment names. Once, when a function's module is loaded: the clients and their
 * connections serve every invocation that follows.
 * @param openBucket at once, or with the first object: see bucket-on-demand.ts
 * @throws Error when the environment is incomplete
 */
export async function openService(name: string, openBucket: typeof openAwsBucket): Promise<Service> {
  const { table, bucket, testFault, isTraced, logsRequests } = readEnvironment(process.env)
  const telemetry = await openTelemetry({ service: name, broker: table, isTraced, logsRequests })
  const meter = new UsageMeter()
  const states = STATING.includes(name)
  const { index, topics, groups, triggers, upkeep, transactions, listeners, format } = openAwsTable({
    table,
    meter,
    states,
  })
  // A function's table and bucket come from one stack: they belong together.
  const { objects, locator } = openBucket({
    bucket,
    meter,
    ...(STATING_IN_BUCKET.includes(name) && { format }),
  })
  const takeTableWrites = () => {
    const writes = countTableWrites(meter.usage())
    meter.reset()
    return writes
  }
  const ports: Ports = {
    objects,
    index,
    topics,
    groups,
    triggers,
    upkeep,
    transactions,
    clock: systemClock,
    entropy: systemEntropy,
  }
  const service = { ports, locator, listeners, telemetry, takeTableWrites }
  if (testFault === undefined) return service
  const { withTestFault } = await import('./test-fault.ts')
  return { ...service, ports: withTestFault(ports, testFault, telemetry) }
}
