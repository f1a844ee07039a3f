import { randomBytes } from 'node:crypto'
import { readFile, rename, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { toPosition } from '../../core/numbers.ts'
import { FORMAT_ITEM, FORMAT_OBJECT } from '../../core/storage-layout.ts'
import {
  agreeOnFormat,
  encodeStoreFormat,
  raiseFormat,
  STORE_FORMAT_BYTES_MAX,
  STORE_FORMAT_VERSION,
  type Statement,
  type StoreFormat,
} from '../../core/store-format.ts'
import type { Ports } from '../../ports/index.ts'
import { StoreFailed } from '../../ports/outcome.ts'
import type { StoreHealth } from '../../ports/store-health.ts'
import { joinKey } from '../items/items.ts'
import { type ItemStores, storesOver } from '../items/stores.ts'
import { type Access, lookAtDirectory, partsOf } from './directory.ts'
import { makeFolder, syncFolder, writeSynced } from './folders.ts'
import { Footing } from './footing.ts'
import { asFileFailure, asSqliteFailure } from './local-failures.ts'
import { LocalHealth } from './local-health.ts'
import { LocalObjectStore } from './local-object-store.ts'
import { SqliteItems } from './sqlite-items.ts'

const FORMAT_KEY = joinKey(FORMAT_ITEM.partitionKey, FORMAT_ITEM.sortKey)

/** The ports on a directory: objects as files under `objects`, those of commits and flushes several to a file; the index, topics, groups and triggers in SQLite under `index`. */
export interface LocalStore extends ItemStores, Required<Pick<Ports, 'refusal'>> {
  readonly objects: LocalObjectStore
  /** What it says of itself; undefined where it has only been read since stores say it. */
  readonly format: StoreFormat | undefined
  /** Whether the directory is still the one that was opened, and can be written. */
  readonly health: StoreHealth
  /** What SQLite finds wrong with the index, each in a line. Reads all of it. */
  checkIndex(): Promise<string[]>
  close(): Promise<void>
}

/**
 * Opens a store, and makes it where there is none. Several processes may have it open at the same time.
 * @throws StoreFailed, NotApplied: no store, not whole, of a newer version, or not to be read
 */
export async function openLocalStore(directory: string, access: Access = 'create'): Promise<LocalStore> {
  // Absolute: the program around may change its folder.
  const absolute = resolve(directory)
  try {
    return await openAbsolute(absolute, access)
  } catch (error) {
    if (error instanceof Error && 'syscall' in error)
      throw asFileFailure(error, `the store in ${absolute} could not be opened`)
    throw asSqliteFailure(error, partsOf(absolute).database, 'could not be opened')
  }
}

async function openAbsolute(directory: string, access: Access): Promise<LocalStore> {
  const { isNew } = await lookAtDirectory(directory, access)
  const parts = partsOf(directory)
  const footing = new Footing(directory)
  const objects = await LocalObjectStore.open(parts.objects, footing, access)
  let opened: SqliteItems | undefined
  try {
    const makes = access === 'create' || access === 'rebuild'
    if (makes) await makeFolder(parts.index)
    const items = await SqliteItems.open(parts.database, footing, makes ? 'create' : access)
    opened = items
    // SQLite syncs its files, but not always the folder that they are new in.
    if (access !== 'read') await syncFolder(parts.index)
    const format = await agree(directory, objects, items, isNew, access)
    // Only now: whoever does not know of them has been kept away.
    objects.keepIngestIn(items.rows)
    return {
      objects,
      ...storesOver(items, {}, true),
      format,
      health: new LocalHealth(parts.database, footing, items, objects),
      refusal: () => items.refusal(),
      checkIndex: () => items.check(),
      close: async () => {
        // A disk that is gone lets nothing be closed, and nothing that was acknowledged depends on it.
        await objects.close().catch(ignoreFileFailure)
        await items.close()
      },
    }
  } catch (error) {
    await objects.close()
    await opened?.close()
    throw error
  }
}

/** Has the parts say what they are, the index first. @throws StoreFailed where they do not belong together */
async function agree(
  directory: string,
  objects: LocalObjectStore,
  items: SqliteItems,
  isNew: boolean,
  access: Access,
): Promise<StoreFormat | undefined> {
  const { format: path, objects: folder, database } = partsOf(directory)
  // The index last: another process that makes the store gives it its statement first.
  const inObjects = await objects.get(FORMAT_OBJECT, toPosition(0), STORE_FORMAT_BYTES_MAX)
  const inDirectory = await readFile(path).catch(ignoreMissing)
  const others: [Statement, Statement] = [
    { place: join(folder, FORMAT_OBJECT), bytes: inObjects },
    { place: path, bytes: inDirectory },
  ]
  const agreeOn = (bytes: Uint8Array | undefined) => {
    const agreement = agreeOnFormat({ place: database, bytes }, others)
    if ('refusal' in agreement) throw new StoreFailed(agreement.refusal)
    return agreement.format
  }
  const found = await items.get(FORMAT_KEY)
  const isLost = access === 'rebuild' && found === undefined
  const format = isLost ? stated(others) : agreeOn(found)
  if (access === 'read') return format
  const fresh = {
    version: STORE_FORMAT_VERSION,
    storeId: randomBytes(16).toString('hex'),
    createdMs: isNew ? Date.now() : null,
  }
  const wanted = format ? (raiseFormat(format, STORE_FORMAT_VERSION) ?? (isLost ? format : undefined)) : fresh
  const bytes = wanted
    ? await items.update(FORMAT_KEY, standing => {
        const isAsFound = standing && found ? Buffer.compare(standing, found) === 0 : standing === found
        const put = isAsFound ? encodeStoreFormat(wanted) : undefined
        return { put, answer: put ?? standing! }
      })
    : found!
  // Another store's are refused above: what is different is older.
  const says = (other: Uint8Array | undefined) => other && Buffer.compare(other, bytes) === 0
  if (!says(inObjects)) await objects.put(FORMAT_OBJECT, [bytes])
  if (!says(inDirectory)) await writeWhole(path, bytes)
  return agreeOn(bytes)
}

/** What the parts of a store say that is to get an index anew: it is the same store. */
function stated([objects, directory]: readonly [Statement, Statement]): StoreFormat | undefined {
  const agreement = agreeOnFormat(objects.bytes ? objects : directory, [directory])
  if ('refusal' in agreement) throw new StoreFailed(agreement.refusal)
  return agreement.format
}

/** Under its name the file is whole, whenever the process ends. */
async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const unfinished = `${path}.${randomBytes(6).toString('hex')}`
  try {
    await writeSynced(unfinished, [bytes])
    await rename(unfinished, path)
  } catch (error) {
    await rm(unfinished, { force: true })
    throw error
  }
  await syncFolder(dirname(path))
}

function ignoreFileFailure(error: unknown): void {
  if (!(error instanceof Error && 'syscall' in error)) throw error
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
