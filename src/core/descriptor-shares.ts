import {
  CONNECTIONS_MAX,
  CONNECTIONS_SPARE_MAX,
  DESCRIPTORS_KEPT,
  DESCRIPTORS_SHARE_MIN,
  FILES_OPEN_MAX,
  FOLDERS_OPEN_MAX,
} from './limits.ts'

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
  const free = Math.max(descriptors - DESCRIPTORS_KEPT, 4 * DESCRIPTORS_SHARE_MIN)
  const share = (part: number, most: number) =>
    Math.min(Math.max(Math.floor(free / part), DESCRIPTORS_SHARE_MIN), most)
  const files = share(4, FILES_OPEN_MAX)
  const folders = share(6, FOLDERS_OPEN_MAX)
  const forConnections = Math.min(free - files - folders, CONNECTIONS_MAX)
  const spare = Math.min(Math.floor(forConnections / 2), CONNECTIONS_SPARE_MAX)
  return { files, folders, connections: forConnections - spare, spare }
}
