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
/** The least of files and of folders, however few descriptors there are. */
export const DESCRIPTORS_SHARE_MIN = 4
/** Connections that a server has, however many descriptors there are. */
export const CONNECTIONS_MAX = 8_192
/** Connections that wait until they are accepted: beyond them a client tries again only after a second. */
export const CONNECTIONS_WAITING_MAX = 4_096
/** Those beyond the ones that are served: they are told so, and asked for health. */
export const CONNECTIONS_SPARE_MAX = 64
/** How long a connection has been idle, before it is closed for one that is not: its client may be about to use it. */
export const CONNECTION_IDLE_MS_MIN = 1_000
/** How long a connection that cannot be served may take to say what it wants. */
export const CONNECTION_SPARE_MS_MAX = 2_000

assert(
  DESCRIPTORS_KEPT + 4 * DESCRIPTORS_SHARE_MIN < DESCRIPTORS_DEFAULT_MAX,
  'there are descriptors for connections',
)
