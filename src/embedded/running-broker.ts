import { LogBroker, type LogBrokerSettings } from '../broker/log-broker.ts'
import { type Finding, VerifySummary, verify } from '../broker/settling/verify.ts'
import { TopicDirectory } from '../broker/topics/topic-directory.ts'
import type { Broker } from '../contract/broker.ts'
import type { GroupBroker } from '../contract/groups.ts'
import type { TriggerBroker } from '../contract/triggers.ts'
import { TidemarkError } from '../core/errors.ts'
import type { Ports } from '../ports/index.ts'
import type { ObjectLocator } from '../ports/object-locator.ts'
import type { ObjectStore } from '../ports/object-store.ts'

/** A broker that lives in this process, with its store. */
export interface Embedded {
  readonly broker: Broker & GroupBroker & TriggerBroker
  /** The store's objects, for a server that hands out their bytes. */
  readonly objects: ObjectStore
  /** Checks the whole store; `summary` counts what was looked at, as it goes on. */
  verify(): { findings: AsyncIterable<Finding>; summary: VerifySummary }
  /** Settles what is being written, moves inline bytes into objects, and gives the store back. May be repeated. */
  close(): Promise<void>
}

/** Without a `lingerMs` nobody waits; errors go to stderr without a `reportError`. */
export interface EmbeddedOptions
  extends Partial<Pick<LogBrokerSettings, 'lingerMs' | 'flushes' | 'pollIntervalMsMax' | 'reportError'>> {
  /** Hands out URLs for byte ranges; without one, `locate` is refused. */
  readonly locator?: ObjectLocator
}

/** What else of this process can work on a broker's store. */
export interface EmbeddedHost {
  readonly ports: Ports
  readonly broker: Broker
  readonly directory: TopicDirectory
  /** Has something stopped before the broker is. */
  beforeClose(stop: () => Promise<void>): void
}

const hosts = new WeakMap<Embedded, EmbeddedHost>()

/** @throws INVALID_REQUEST where it was not opened here, or is on AWS */
export function hostOf(embedded: Embedded): EmbeddedHost {
  const host = hosts.get(embedded)
  if (host) return host
  throw new TidemarkError(
    'INVALID_REQUEST',
    'Triggers run in this process on what openEmbedded and openInMemory give, and on nothing else.',
  )
}

/**
 * Runs a broker on these ports; `closeStore` gives them back, once the broker has closed.
 * @param isHost whether triggers may run beside it; where functions deliver, they would get in each other's way
 */
export function runBroker(
  ports: Ports,
  { locator, lingerMs = 0, reportError = error => console.error(error), ...settings }: EmbeddedOptions,
  closeStore: () => Promise<void>,
  isHost: boolean,
): Embedded {
  const broker = new LogBroker(ports, { lingerMs, reportError, ...settings }, locator)
  broker.start()
  const stops: (() => Promise<void>)[] = []
  let closed: Promise<void> | undefined
  const embedded: Embedded = {
    broker,
    objects: ports.objects,
    verify: () => {
      const summary = new VerifySummary()
      return { findings: verify(ports, summary), summary }
    },
    close: () => {
      closed ??= closeAll(stops, broker, closeStore)
      return closed
    },
  }
  if (isHost) {
    const directory = new TopicDirectory(ports.topics, ports.clock)
    hosts.set(embedded, { ports, broker, directory, beforeClose: stop => void stops.push(stop) })
  }
  return embedded
}

async function closeAll(
  stops: readonly (() => Promise<void>)[],
  broker: LogBroker,
  closeStore: () => Promise<void>,
): Promise<void> {
  try {
    await Promise.all(stops.map(stop => stop()))
  } finally {
    try {
      await broker.close()
    } finally {
      await closeStore()
    }
  }
}
