import { isPortInUse } from '../../core/cannot-listen.ts'
import type { Embedded } from '../../embedded/embedded.ts'
import { startGateway } from '../../embedded/gateway.ts'
import type { KafkaSettings, Report } from '../commands/dev.ts'
import { UsageError } from '../output/failure.ts'
import { formatAddress } from './listen-address.ts'

export interface ServedKafka {
  /** HOST:PORT. */
  at?: string
  /** Why nobody is served, and what to do. */
  problem?: string
  close(): Promise<void>
}

/** Topics that clients ask for are made, so that whoever tries something out need not. */
const AUTO_CREATE = { partitions: 1 }

/** Serves Kafka's clients beside HTTP. Where nobody asked for it, what stands in the way is told and is no failure. */
export async function serveKafka(
  store: Embedded,
  { listen, isDefault, usersFile }: KafkaSettings,
  { hasToken, insecure, connectionsMax }: { hasToken: boolean; insecure: boolean; connectionsMax: number },
  report: Report,
): Promise<ServedKafka> {
  if (hasToken && usersFile === undefined && !insecure) {
    if (isDefault) {
      return unserved(
        'they show no token. --kafka-users FILE says who may come, --no-kafka that nobody is to',
      )
    }
    throw new UsageError(
      "Kafka's clients show no token: say who may come with --kafka-users FILE, or that everybody may with --insecure",
    )
  }
  try {
    const gateway = await startGateway(store, {
      ...listen,
      usersFile,
      insecure,
      connectionsMax,
      autoCreate: AUTO_CREATE,
      log: line => report('kafka', line),
      reportError: error => report('a request of a Kafka client failed unexpectedly', error),
    })
    return { at: formatAddress({ ...listen, port: gateway.port }), close: () => gateway.close() }
  } catch (error) {
    if (!isDefault || !isPortInUse(error)) throw error
    return unserved(
      `port ${listen.port} on ${listen.host} is in use. --kafka HOST:PORT chooses another one, --no-kafka says that none is wanted`,
    )
  }
}

function unserved(problem: string): ServedKafka {
  return { problem, close: async () => {} }
}
