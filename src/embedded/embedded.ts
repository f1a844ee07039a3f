import { isBuiltin } from 'node:module'
import { openMemoryStore } from '../adapters/memory/memory-store.ts'
import { TidemarkError } from '../core/errors.ts'
import { NotApplied, StoreFailed } from '../ports/outcome.ts'
import { type Embedded, type EmbeddedOptions, runBroker } from './running-broker.ts'
import { systemClock, systemEntropy } from './system.ts'

export type { Embedded, EmbeddedOptions } from './running-broker.ts'

/** A directory, and how to open the store in it. */
export interface DirectoryOptions {
  readonly directory: string
  /**
   * `create` unless set: makes a store where there is none. `write` refuses that; `read` changes nothing, and refuses what
   * would. `rebuild`: the index is lost, and is to be made anew.
   */
  readonly access?: 'read' | 'write' | 'create' | 'rebuild'
}

/**
 * Opens the store in `directory`, makes it where there is none, and runs a broker on it. Several processes
 * may do so at the same time.
 *
 * @throws TidemarkError UNSUPPORTED_VERSION where Node is older than 22.13, which has no SQLite; KAFKA_STORAGE_ERROR: it
 *   is no store, not whole, of a newer version, or cannot be read; the message says what to do
 */
export async function openEmbedded(options: EmbeddedOptions & DirectoryOptions): Promise<Embedded> {
  if (!isBuiltin('node:sqlite')) {
    throw new TidemarkError(
      'UNSUPPORTED_VERSION',
      `A broker on a directory needs Node 22.13 or later, and its SQLite; this is Node ${process.versions.node}. Take a newer Node, or a broker over HTTP.`,
    )
  }
  // Only now: clients and brokers of other kinds do without.
  const { openLocalStore } = await import('../adapters/local/local-store.ts')
  const { directory, access = 'create' } = options
  const { health, format, checkIndex, close, ...stores } = await openLocalStore(directory, access).catch(
    error => {
      throw asOpeningError(error)
    },
  )
  const ports = { ...stores, clock: systemClock, entropy: systemEntropy }
  const createdMs = async () => format?.createdMs ?? null
  const storeId = async () => format?.storeId
  const store = { ports, health, createdMs, storeId, checkIndex, close, isReadOnly: access === 'read' }
  return runBroker(store, options, true)
}

function asOpeningError(error: unknown): unknown {
  if (!(error instanceof StoreFailed || error instanceof NotApplied)) return error
  const message = error.message.charAt(0).toUpperCase() + error.message.slice(1)
  const retriable = error instanceof NotApplied || error.mayPass
  return new TidemarkError('KAFKA_STORAGE_ERROR', `${message}.`, 'no', { cause: error, retriable })
}

/** A broker whose records end with the process: for tests and for trying things out. */
export function openInMemory(options: EmbeddedOptions = {}): Embedded {
  const ports = { ...openMemoryStore(systemClock), clock: systemClock, entropy: systemEntropy }
  return runBroker({ ports, close: async () => {} }, options, true)
}
