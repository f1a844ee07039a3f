import { openMemoryStore } from '../adapters/memory/memory-store.ts'
import { type Embedded, type EmbeddedOptions, runBroker } from './running-broker.ts'
import { systemClock, systemEntropy } from './system.ts'

export type { Embedded, EmbeddedOptions } from './running-broker.ts'

/**
 * Opens the store in `directory`, makes it where there is none, and runs a broker on it. Several processes
 * may do so at the same time. Needs Node 22.13 or later.
 */
export async function openEmbedded(
  options: EmbeddedOptions & { readonly directory: string },
): Promise<Embedded> {
  // Only now: Node 20 has no SQLite, and clients and brokers of other kinds work there.
  const { openLocalStore } = await import('../adapters/local/local-store.ts')
  const { health, close, ...stores } = await openLocalStore(options.directory)
  const ports = { ...stores, clock: systemClock, entropy: systemEntropy }
  return runBroker({ ports, health, close }, options, true)
}

/** A broker whose records end with the process: for tests and for trying things out. */
export function openInMemory(options: EmbeddedOptions = {}): Embedded {
  const ports = { ...openMemoryStore(systemClock), clock: systemClock, entropy: systemEntropy }
  return runBroker({ ports, close: async () => {} }, options, true)
}
