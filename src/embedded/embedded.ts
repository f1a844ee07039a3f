import { openLocalStore } from '../adapters/local/local-store.ts'
import { MemoryLogIndex } from '../adapters/memory/memory-log-index.ts'
import { MemoryObjectStore } from '../adapters/memory/memory-object-store.ts'
import { MemoryTopicStore } from '../adapters/memory/memory-topic-store.ts'
import { LogBroker } from '../broker/log-broker.ts'
import { type Finding, newVerifySummary, type VerifySummary, verify } from '../broker/verify.ts'
import type { Broker } from '../contract/broker.ts'
import type { Ports } from '../ports/index.ts'
import type { ObjectLocator } from '../ports/object-locator.ts'
import type { ObjectStore } from '../ports/object-store.ts'
import { systemClock, systemEntropy } from './system.ts'

/** A broker that lives in this process, with its store. */
export interface Embedded {
  readonly broker: Broker
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
  /** Hands out URLs for byte ranges; without one, `locate` is refused. */
  readonly locator?: ObjectLocator
  /** What happens to errors of background work; they go to stderr unless set. */
  readonly reportError?: (error: unknown) => void
}

/**
 * Opens the store in `directory`, makes it where there is none, and runs a broker on it. Several processes
 * may do so at the same time.
 */
export async function openEmbedded(
  options: EmbeddedOptions & { readonly directory: string },
): Promise<Embedded> {
  const store = await openLocalStore(options.directory)
  return start({ ...store, clock: systemClock, entropy: systemEntropy }, options, () => store.close())
}

/** A broker whose records end with the process: for tests and for trying things out. */
export function openInMemory(options: EmbeddedOptions = {}): Embedded {
  const ports: Ports = {
    objects: new MemoryObjectStore(systemClock),
    index: new MemoryLogIndex(),
    topics: new MemoryTopicStore(),
    clock: systemClock,
    entropy: systemEntropy,
  }
  return start(ports, options, async () => {})
}

function start(ports: Ports, options: EmbeddedOptions, closeStore: () => Promise<void>): Embedded {
  const { lingerMs = 0, locator, reportError = error => console.error(error) } = options
  const broker = new LogBroker(ports, { lingerMs, reportError }, locator)
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
