import { assert } from './units.ts'

// A process may have so many files and connections open together: its descriptors. Beyond them nothing can be opened any
// more, and the system resets connections that nobody has accepted.

/** Where the system tells no limit. */
export const DESCRIPTORS_DEFAULT_MAX = 1_024
/** What a process has open beside connections and objects: its runtime, the index, files being written. */
export const DESCRIPTORS_KEPT = 40
/** Files of objects that stay open for the next read, at most, and at least. */
export const FILES_OPEN_MAX = 512
export const FILES_OPEN_MIN = 8
/** Connections that a server has, however many descriptors there are. */
export const CONNECTIONS_MAX = 8_192
/** Those beyond the ones that are served: they are told so, and asked for health. */
export const CONNECTIONS_SPARE_MAX = 32
/** How long a connection has been idle, before it is closed for one that is not: its client may be about to use it. */
export const CONNECTION_IDLE_MS_MIN = 1_000
/** How long a connection that cannot be served may take to say what it wants. */
export const CONNECTION_SPARE_MS_MAX = 2_000

export interface DescriptorShares {
  /** Files of objects that are open at the same time. */
  readonly files: number
  /** Connections that are served… */
  readonly connections: number
  /** …and those beside them that are told to come back later. */
  readonly spare: number
}

/** How a process shares the descriptors that it may have. */
export function shareDescriptors(descriptors: number): DescriptorShares {
  const free = Math.max(descriptors - DESCRIPTORS_KEPT, FILES_OPEN_MIN + 2)
  const files = Math.min(Math.max(Math.floor(free / 4), FILES_OPEN_MIN), FILES_OPEN_MAX)
  const forConnections = Math.min(free - files, CONNECTIONS_MAX)
  const spare = Math.min(Math.ceil(forConnections / 4), CONNECTIONS_SPARE_MAX)
  return { files, connections: Math.max(1, forConnections - spare), spare }
}

assert(DESCRIPTORS_KEPT + FILES_OPEN_MIN < DESCRIPTORS_DEFAULT_MAX, 'there are descriptors for connections')
