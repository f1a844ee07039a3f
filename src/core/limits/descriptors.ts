import { assert } from './units.ts'

// A process may have so many files and connections open together: its descriptors. Beyond them nothing can be opened any
// more, and the system resets connections that nobody has accepted.

/** Where the system tells no limit. */
export const DESCRIPTORS_DEFAULT_MAX = 1_024
/** What a process has open beside connections and objects: its runtime, the index, files being written. */
export const DESCRIPTORS_KEPT = 36
/** Files of objects that stay open for the next read. */
export const FILES_OPEN_MAX = 512
/** Folders of objects that stay open for the next write: of 256 that there are. */
export const FOLDERS_OPEN_MAX = 256
/** The least of each: less is waited for. */
export const OPEN_MIN = 4
/** Connections that a server has, however many descriptors there are. */
export const CONNECTIONS_MAX = 8_192
/** Those beyond the ones that are served: they are told so, and asked for health. */
export const CONNECTIONS_SPARE_MAX = 64
/** How long a connection has been idle, before it is closed for one that is not: its client may be about to use it. */
export const CONNECTION_IDLE_MS_MIN = 1_000
/** How long a connection that cannot be served may take to say what it wants. */
export const CONNECTION_SPARE_MS_MAX = 2_000

export interface DescriptorShares {
  /** Files of objects that are open at the same time. */
  readonly files: number
  /** Folders of objects. */
  readonly folders: number
  /** Connections that are served… */
  readonly connections: number
  /** …and those beside them that are told to come back later. */
  readonly spare: number
}

/** How a process shares the descriptors that it may have. */
export function shareDescriptors(descriptors: number): DescriptorShares {
  const free = Math.max(descriptors - DESCRIPTORS_KEPT, 4 * OPEN_MIN)
  const share = (part: number, most: number) => Math.min(Math.max(Math.floor(free / part), OPEN_MIN), most)
  const files = share(4, FILES_OPEN_MAX)
  const folders = share(6, FOLDERS_OPEN_MAX)
  const forConnections = Math.min(free - files - folders, CONNECTIONS_MAX)
  const spare = Math.min(Math.ceil(forConnections / 2), CONNECTIONS_SPARE_MAX)
  return { files, folders, connections: forConnections - spare, spare }
}

const DEFAULT_SHARES = shareDescriptors(DESCRIPTORS_DEFAULT_MAX)
assert(
  Object.values(DEFAULT_SHARES).reduce((sum, share) => sum + share, DESCRIPTORS_KEPT) <=
    DESCRIPTORS_DEFAULT_MAX,
  'all shares together are no more than there is',
)
assert(shareDescriptors(0).connections >= 1, 'somebody is served, however few there are')
