import { isBuiltin } from 'node:module'
import { openMemoryStore } from '../adapters/memory/memory-store.ts'
import { TidemarkError } from '../core/errors.ts'
import { type Embedded, type EmbeddedOptions, runBroker } from './running-broker.ts'
import { systemClock, systemEntropy } from './system.ts'

export type { Embedded, EmbeddedOptions } from './running-broker.ts'

/**
 * Opens the store in `directory`, makes it where there is none, and runs a broker on it. Several processes
 * may do so at the same time.
 *
 * @throws TidemarkError UNSUPPORTED_VERSION where Node is older than 22.13, which has no SQLite
 */
export async function openEmbedded(
  options: EmbeddedOptions & { readonly directory: string },
): Promise<Embedded> {
  if (!isBuiltin('node:sqlite')) {
    throw new TidemarkError(
      'UNSUPPORTED_VERSION',
      `A broker on a directory needs Node 22.13 or later, and its SQLite; this is Node ${process.versions.node}. Take a newer Node, or a broker over HTTP.`,
    )
  }
  // Only now: clients and brokers of other kinds do without.
  const { openLocalStore } = await import('../adapters/local/local-store.ts')
  const store = await openLocalStore(options.directory)
  return runBroker(
    { ...store, clock: systemClock, entropy: systemEntropy },
    options,
    () => store.close(),
    true,
  )
}

/** A broker whose records end with the process: for tests and for trying things out. */
export function openInMemory(options: EmbeddedOptions = {}): Embedded {
  const ports = { ...openMemoryStore(systemClock), clock: systemClock, entropy: systemEntropy }
  return runBroker(ports, options, async () => {}, true)
}
