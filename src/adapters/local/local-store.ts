import { join, resolve } from 'node:path'
import type { StoreHealth } from '../../ports/store-health.ts'
import { type ItemStores, storesOver } from '../items/stores.ts'
import { makeFolder, syncFolder } from './folders.ts'
import { Footing } from './footing.ts'
import { LocalObjectStore } from './local-object-store.ts'
import { SqliteItems } from './sqlite-items.ts'

/** The ports on a directory: objects as files under `objects`, the index, topics, groups and triggers in SQLite under `index`. */
export interface LocalStore extends ItemStores {
  readonly objects: LocalObjectStore
  /** Whether the directory is still the one that was opened, and can be written. */
  readonly health: StoreHealth
  close(): Promise<void>
}

/** Opens a store, and makes it where there is none. Several processes may have it open at the same time. */
export async function openLocalStore(directory: string): Promise<LocalStore> {
  // Absolute: the program around may change its folder.
  const absolute = resolve(directory)
  const footing = new Footing(absolute)
  const objects = await LocalObjectStore.open(join(absolute, 'objects'), footing)
  const indexDirectory = join(absolute, 'index')
  await makeFolder(indexDirectory)
  const items = new SqliteItems(indexDirectory, footing)
  // SQLite syncs its files, but not always the folder that they are new in.
  await syncFolder(indexDirectory)
  return {
    objects,
    ...storesOver(items),
    health: {
      look: async () => footing.trouble() ?? (await items.trouble.look()) ?? (await objects.trouble.look()),
    },
    close: async () => {
      await objects.close()
      await items.close()
    },
  }
}
