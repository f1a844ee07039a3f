import { randomBytes } from 'node:crypto'
import { type FileHandle, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { shareDescriptors } from '../../core/descriptor-shares.ts'
import { STORE_REMOVALS_MAX, STORE_TRIAL_BYTES } from '../../core/limits.ts'
import type { Position } from '../../core/numbers.ts'
import { FORMAT_OBJECT } from '../../core/storage-layout.ts'
import type { ObjectInfo, ObjectStore } from '../../ports/object-store.ts'
import { NotApplied, OutcomeUnknown, StoreFailed } from '../../ports/outcome.ts'
import { descriptorsMax } from './descriptors.ts'
import type { Access } from './directory.ts'
import {
  checkRoom,
  checkRoomKept,
  makeFolder,
  makeFolderBelow,
  writeSynced,
  writeSyncedLarge,
} from './folders.ts'
import { Footing } from './footing.ts'
import { IngestObjects, type PackFolder } from './ingest-objects.ts'
import type { Rows } from './ingest-tables.ts'
import { keysIn, removeEmptyFolders } from './key-files.ts'
import { asFileFailure, READ_ONLY } from './local-failures.ts'
import { mergeListings } from './merge-listings.ts'
import { OpenFiles } from './open-files.ts'
import type { PackFile } from './packs.ts'
import { type SyncedFolder, SyncedFolders } from './synced-folders.ts'
import { Trouble } from './trouble.ts'

/** Where files are written before they get their name; what lies here after a crash is nobody's. */
const UNFINISHED = 'unfinished'
/** An unfinished file of this age was left by a crash. */
const UNFINISHED_MS_MAX = 3_600_000
/** Who gives a file its name may find that another process has just removed its folder, which was empty. */
const NAMING_ATTEMPTS_MAX = 3

/**
 * Objects as files; those of commits and flushes share files, and have their places in the index's database. A put writes a temporary file, syncs it, gives it its name and syncs the folder: under its
 * name a file is whole, also after the power fails.
 */
export class LocalObjectStore implements ObjectStore {
  readonly #directory: string
  /** Nothing is read from it: while it is open, no other folder is given its number. */
  readonly #handle: FileHandle
  readonly #footing: Footing
  readonly #open: OpenFiles
  readonly #folders: SyncedFolders
  #ingest: IngestObjects | undefined
  /** What is wrong with the disk, as far as the last puts and reads tell. */
  readonly trouble = new Trouble(() => this.#tryOut())
  readonly #isReadOnly: boolean

  private constructor(directory: string, handle: FileHandle, footing: Footing, isReadOnly: boolean) {
    this.#directory = directory
    this.#handle = handle
    this.#isReadOnly = isReadOnly
    this.#footing = footing
    const { files, folders } = shareDescriptors(descriptorsMax())
    this.#open = new OpenFiles(files)
    this.#folders = new SyncedFolders(folders, path => this.#openFolder(path))
  }

  /**
   * Opens the store in this folder. Unless it is only to be read, it is made where there is none, and what a crash has left
   * is cleared away.
   * @param footing what must not be taken away meanwhile; the folder is added
   */
  static async open(directory: string, footing: Footing, access: Access): Promise<LocalObjectStore> {
    if (access !== 'read') await clearUnfinished(directory)
    const handle = await open(directory)
    footing.take(directory, false)
    return new LocalObjectStore(directory, handle, footing, access === 'read')
  }

  /** From now on what commits and flushes put has its places in this database, and what has is found. */
  keepIngestIn(rows: Rows): void {
    this.#ingest = new IngestObjects(rows, this.#packFolder())
    if (!this.#isReadOnly) this.#ingest.start()
  }

  async put(key: string, chunks: readonly Uint8Array[], isNamedNext = false): Promise<void> {
    const path = this.#pathToWrite(key)
    if (this.#ingest && IngestObjects.takes(key)) await this.#ingest.put(key, chunks, isNamedNext)
    else await this.#putFile(path, chunks)
  }

  async #putFile(path: string, chunks: readonly Uint8Array[]): Promise<void> {
    try {
      await this.#open.lookForRemoved()
      await this.#inFolder(path, () => this.#write(path, chunks))
      this.trouble.worked()
    } catch (error) {
      // Should the name be there after all, the object is whole, and the same bytes can be put again.
      throw this.#failure(error, 'written')
    }
  }

  async putLarge(key: string, chunks: AsyncIterable<Uint8Array>): Promise<number> {
    const path = this.#pathToWrite(key)
    // No trouble of the store: what is new is written all the same.
    await checkRoomKept(this.#directory)
    const source = new Source(chunks)
    const unfinished = this.#unfinished()
    try {
      await makeFolderBelow(this.#directory, dirname(unfinished))
      const bytes = await writeSyncedLarge(unfinished, source)
      await this.#inFolder(path, () => rename(unfinished, path))
      this.trouble.worked()
      return bytes
    } catch (error) {
      await rm(unfinished, { force: true }).catch(() => {})
      if (source.failure) throw source.failure.error
      throw this.#failure(error, 'written')
    }
  }

  async get(
    key: string,
    position: Position,
    bytes: number,
    into?: Uint8Array,
  ): Promise<Uint8Array | undefined> {
    const path = this.#path(key)
    if (this.#ingest && IngestObjects.takes(key) && !this.#open.has(path)) {
      const found = await this.#ingest.get(key, position, bytes, into)
      if (found) return found
    }
    return await this.#readFile(path, position, bytes, into)
  }

  async #readFile(
    path: string,
    position: number,
    bytes: number,
    into: Uint8Array | undefined,
  ): Promise<Uint8Array | undefined> {
    try {
      return await this.#open.use(path, handle => readUpTo(handle, position, bytes, into))
    } catch (error) {
      throw this.#failure(error, 'read')
    }
  }

  async *list(prefix = '', below?: string): AsyncGenerator<ObjectInfo> {
    if (!isSafe(prefix.split('/').slice(0, -1))) throw new RangeError(`no key begins with "${prefix}"`)
    const files = this.#listFiles(prefix, below)
    yield* this.#ingest ? mergeListings(this.#ingest.list(prefix, below), files) : files
  }

  async *#listFiles(prefix: string, below: string | undefined): AsyncGenerator<ObjectInfo> {
    try {
      for await (const key of keysIn(this.#directory, prefix, below)) {
        if (key.startsWith(`${UNFINISHED}/`) || key === FORMAT_OBJECT) continue
        const file = await stat(join(this.#directory, key)).catch(ignoreMissing)
        if (IngestObjects.takes(key) && (await this.#ingest?.isPack(key))) continue
        if (file) yield { key, bytes: file.size, modifiedMs: file.mtimeMs }
      }
    } catch (error) {
      throw this.#failure(error, 'read')
    }
  }

  async remove(key: string): Promise<void> {
    const path = this.#path(key)
    await this.#ingest?.remove([key])
    await this.#remove(path).catch(error => {
      throw this.#failure(error, 'removed')
    })
  }

  /** Removes folders, too, in which nothing is left: an epoch's, a topic's, which nothing is put into again. */
  async removeAll(keys: readonly string[]): Promise<void> {
    const paths = keys.map(key => this.#path(key))
    if (this.#isReadOnly) throw new StoreFailed(READ_ONLY)
    await this.#ingest?.remove(keys)
    try {
      for (let first = 0; first < paths.length; first += STORE_REMOVALS_MAX) {
        await Promise.all(paths.slice(first, first + STORE_REMOVALS_MAX).map(path => this.#remove(path)))
      }
      for (const folder of new Set(paths.map(path => dirname(path)))) {
        for (const removed of await removeEmptyFolders(this.#directory, folder)) {
          await this.#folders.forget(removed)
        }
      }
    } catch (error) {
      throw this.#failure(error, 'removed')
    }
  }

  async close(): Promise<void> {
    if (!this.#isReadOnly) await this.#ingest?.close()
    const closing = [this.#open.close(), this.#handle.close(), this.#folders.close()]
    // All of them: one that a failing disk does not let be closed keeps no other open.
    for (const closed of await Promise.allSettled(closing))
      if (closed.status === 'rejected') throw closed.reason
  }

  #packFolder(): PackFolder {
    return {
      make: async key => {
        const path = this.#pathToWrite(key)
        await this.#open.lookForRemoved()
        for (let tries = 1; ; tries += 1) {
          try {
            return await this.#makePack(path)
          } catch (error) {
            if (!(error instanceof NotApplied) || tries === NAMING_ATTEMPTS_MAX) throw error
          }
        }
      },
      read: (key, ...where) => this.#readFile(this.#path(key), ...where),
      remove: key => this.#remove(this.#path(key)),
      failure: error =>
        error instanceof StoreFailed || error instanceof OutcomeUnknown
          ? error
          : this.#failure(error, 'written'),
    }
  }

  async #makePack(path: string): Promise<Omit<PackFile, 'pack'>> {
    let made: FileHandle | undefined
    try {
      await this.#inFolder(path, async () => {
        made = await open(path, 'wx')
      })
      const footing = new Footing(path)
      footing.take(path, true)
      const isStill = () => {
        const isSame = footing.trouble() === undefined
        if (!isSame) this.#footing.check(false)
        this.trouble.worked()
        return isSame
      }
      return { handle: made!, isStill }
    } catch (error) {
      await made?.close().catch(() => {})
      // It may lie in the folder that has taken the place of the one that was synced.
      if (made) await this.#remove(path).catch(() => {})
      throw error
    }
  }

  /** Has a file given its name in its folder, durably. */
  async #inFolder(path: string, place: () => Promise<void>): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        await this.#folders.use(dirname(path), async folder => {
          await place()
          await folder.handle.sync()
          // Where the folder is what it was, so are all above it.
          if (folder.footing.trouble() === undefined) return
          this.#footing.check(false)
          throw new NotApplied(`another folder has taken the place of ${dirname(path)}`)
        })
        return
      } catch (error) {
        const isGone = (error as NodeJS.ErrnoException).code === 'ENOENT'
        if (!isGone || tries === NAMING_ATTEMPTS_MAX || this.#footing.trouble() !== undefined) throw error
      }
    }
  }

  /** Where nothing is any more, nothing is wrong. */
  async #remove(path: string): Promise<void> {
    await unlink(path).catch(ignoreMissing)
    await this.#open.forget(path)
  }

  #unfinished(): string {
    return join(this.#directory, UNFINISHED, randomBytes(12).toString('hex'))
  }

  /** Writes a file under another name, and gives it its own when it is whole. */
  async #write(path: string, chunks: readonly Uint8Array[]): Promise<void> {
    const unfinished = this.#unfinished()
    try {
      await writeSynced(unfinished, chunks)
      await rename(unfinished, path)
    } catch (error) {
      await rm(unfinished, { force: true }).catch(() => {})
      throw error
    }
  }

  #failure(error: unknown, done: 'written' | 'read' | 'removed'): Error {
    const taken = this.#footing.trouble()
    if (taken !== undefined) return new StoreFailed(taken, { cause: error })
    if (error instanceof NotApplied) return error
    const doing = `an object could not be ${done} in ${this.#directory}`
    return this.trouble.failed(asFileFailure(error, doing))
  }

  /** Whether there is room, and something can be written. */
  async #tryOut(): Promise<void> {
    this.#footing.check(false)
    const path = this.#unfinished()
    try {
      await checkRoom(this.#directory)
      await makeFolderBelow(this.#directory, dirname(path))
      await this.#write(path, [Buffer.alloc(STORE_TRIAL_BYTES)])
    } catch (error) {
      throw asFileFailure(error, `an object could not be written in ${this.#directory}`)
    } finally {
      await rm(path, { force: true }).catch(() => {})
    }
  }

  #pathToWrite(key: string): string {
    const path = this.#path(key)
    if (this.#isReadOnly) throw new StoreFailed(READ_ONLY)
    this.#footing.checkBefore()
    return path
  }

  #path(key: string): string {
    const parts = key.split('/')
    if (!isSafe(parts) || parts[0] === UNFINISHED)
      throw new RangeError(`"${key}" cannot be the key of an object`)
    return join(this.#directory, ...parts)
  }

  async #openFolder(path: string): Promise<SyncedFolder> {
    await makeFolderBelow(this.#directory, path)
    await makeFolderBelow(this.#directory, join(this.#directory, UNFINISHED))
    const handle = await open(path)
    try {
      const footing = new Footing(path)
      footing.take(path, true)
      return { handle, footing }
    } catch (error) {
      // Another process has removed it just now.
      await handle.close()
      throw error
    }
  }
}

/** Chunks from elsewhere: what they fail with is nothing that the disk did. */
class Source implements AsyncIterable<Uint8Array> {
  failure: { readonly error: unknown } | undefined
  readonly #chunks: AsyncIterable<Uint8Array>

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      yield* this.#chunks
    } catch (error) {
      this.failure = { error }
      throw error
    }
  }
}

function isSafe(parts: readonly string[]): boolean {
  return parts.every(part => part !== '' && part !== '.' && part !== '..' && !part.includes('\0'))
}

/** Removes what a crash has left. */
async function clearUnfinished(directory: string): Promise<void> {
  const unfinished = join(directory, UNFINISHED)
  await makeFolder(unfinished)
  for (const name of await readdir(unfinished)) {
    const path = join(unfinished, name)
    const file = await stat(path).catch(ignoreMissing)
    if (file && Date.now() - file.mtimeMs > UNFINISHED_MS_MAX) await rm(path, { force: true })
  }
}

async function readUpTo(
  file: FileHandle,
  position: number,
  bytes: number,
  into: Uint8Array | undefined,
): Promise<Uint8Array> {
  const buffer = into ?? Buffer.allocUnsafe(bytes)
  let length = 0
  while (length < bytes) {
    const { bytesRead } = await file.read(buffer, length, bytes - length, position + length)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return buffer.subarray(0, length)
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
