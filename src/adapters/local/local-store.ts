import { join } from 'node:path'
import { type ItemStores, storesOver } from '../items/item-stores.ts'
import { makeFolder, syncFolder } from './folders.ts'
import { LocalObjectStore } from './local-object-store.ts'
import { SqliteItems } from './sqlite-items.ts'

/** The ports on a directory: objects as files under `objects`, the index, topics, groups and triggers in SQLite under `index`. */
export interface LocalStore extends ItemStores {
  readonly objects: LocalObjectStore
  close(): Promise<void>
}

/** Opens a store, and makes it where there is none. Several processes may have it open at the same time. */
export async function openLocalStore(directory: string): Promise<LocalStore> {
  const objects = await LocalObjectStore.open(join(directory, 'objects'))
  const indexDirectory = join(directory, 'index')
  await makeFolder(indexDirectory)
  const items = new SqliteItems(indexDirectory)
  // SQLite syncs its files, but not always the folder that they are new in.
  await syncFolder(indexDirectory)
  return {
    objects,
    ...storesOver(items),
    close: async () => {
      await objects.close()
      await items.close()
    },
  }
}
