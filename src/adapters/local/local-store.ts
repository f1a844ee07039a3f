import { join } from 'node:path'
import { makeFolder, syncFolder } from './folders.ts'
import { IndexDatabase } from './index-database.ts'
import { LocalGroupStore } from './local-group-store.ts'
import { LocalLogIndex } from './local-log-index.ts'
import { LocalObjectStore } from './local-object-store.ts'
import { LocalTopicStore } from './local-topic-store.ts'
import { LocalTriggerStore } from './local-trigger-store.ts'

/** The ports on a directory: objects as files under `objects`, the index, topics, groups and triggers in SQLite under `index`. */
export interface LocalStore {
  readonly objects: LocalObjectStore
  readonly index: LocalLogIndex
  readonly topics: LocalTopicStore
  readonly groups: LocalGroupStore
  readonly triggers: LocalTriggerStore
  close(): Promise<void>
}

/** Opens a store, and makes it where there is none. Several processes may have it open at the same time. */
export async function openLocalStore(directory: string): Promise<LocalStore> {
  const objects = await LocalObjectStore.open(join(directory, 'objects'))
  const indexDirectory = join(directory, 'index')
  await makeFolder(indexDirectory)
  const database = new IndexDatabase(indexDirectory)
  // SQLite syncs its files, but not always the folder that they are new in.
  await syncFolder(indexDirectory)
  return {
    objects,
    index: new LocalLogIndex(database),
    topics: new LocalTopicStore(database),
    groups: new LocalGroupStore(database),
    triggers: new LocalTriggerStore(database),
    close: async () => {
      await objects.close()
      await database.close()
    },
  }
}
