import { LogBroker } from '../broker/log-broker.ts'
import { type Finding, newVerifySummary, type VerifySummary, verify } from '../broker/verify.ts'
import type { Broker } from '../contract/broker.ts'
import type { GroupBroker } from '../contract/groups.ts'
import type { TriggerBroker } from '../contract/triggers.ts'
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

export interface EmbeddedOptions {
  /** How long a commit waits for more records; 0 unless set, which means: for what arrives at the same time. */
  readonly lingerMs?: number
  /** Whether something else moves inline bytes into objects, as a deployed stack does; this process unless set. */
  readonly flushes?: 'in-background' | 'elsewhere'
  /** What the pause may grow to between two looks of a waiting fetch for what other processes wrote. */
  readonly pollIntervalMsMax?: number
  /** Hands out URLs for byte ranges; without one, `locate` is refused. */
  readonly locator?: ObjectLocator
  /** What happens to errors of background work; they go to stderr unless set. */
  readonly reportError?: (error: unknown) => void
}

/** Runs a broker on these ports; `closeStore` gives them back, once the broker has closed. */
export function runBroker(ports: Ports, options: EmbeddedOptions, closeStore: () => Promise<void>): Embedded {
  const {
    lingerMs = 0,
    flushes = 'in-background',
    locator,
    pollIntervalMsMax,
    reportError = error => console.error(error),
  } = options
  const broker = new LogBroker(
    ports,
    {
      lingerMs,
      flushes,
      reportError,
      ...(pollIntervalMsMax !== undefined && { pollIntervalMsMax }),
    },
    locator,
  )
  broker.start()
  let closed: Promise<void> | undefined
  return {
    broker,
    objects: ports.objects,
    verify: () => {
      const summary = newVerifySummary()
      return { findings: verify(ports, summary), summary }
    },
    close: () => {
      closed ??= closeAll(broker, closeStore)
      return closed
    },
  }
}

async function closeAll(broker: LogBroker, closeStore: () => Promise<void>): Promise<void> {
  try {
    await broker.close()
  } finally {
    await closeStore()
  }
}
