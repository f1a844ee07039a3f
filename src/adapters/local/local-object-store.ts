import { randomBytes } from 'node:crypto'
import { type FileHandle, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import type { Position } from '../../core/numbers.ts'
import type { ObjectInfo, ObjectStore } from '../../ports/object-store.ts'
import { NotApplied } from '../../ports/outcome.ts'
import { makeFolder } from './folders.ts'
import { OpenFiles } from './open-files.ts'

/** Where files are written before they get their name; what lies here after a crash is nobody's. */
const UNFINISHED = 'unfinished'
/** An unfinished file of this age was left by a crash. */
const UNFINISHED_MS_MAX = 3_600_000

/**
 * Objects as files. A put writes a temporary file, syncs it, gives it its name and syncs the folder: under its
 * name a file is whole, also after the power fails.
 */
export class LocalObjectStore implements ObjectStore {
  readonly #directory: string
  readonly #open = new OpenFiles()
  readonly #folders = new Map<string, Promise<FileHandle>>()

  private constructor(directory: string) {
    this.#directory = directory
  }

  /** Opens the store in this folder, makes it where there is none, and clears away what a crash has left. */
  static async open(directory: string): Promise<LocalObjectStore> {
    const unfinished = join(directory, UNFINISHED)
    await makeFolder(unfinished)
    for (const name of await readdir(unfinished)) {
      const path = join(unfinished, name)
      const file = await stat(path).catch(ignoreMissing)
      if (file && Date.now() - file.mtimeMs > UNFINISHED_MS_MAX) await rm(path, { force: true })
    }
    return new LocalObjectStore(directory)
  }

  async put(key: string, chunks: readonly Uint8Array[]): Promise<void> {
    const path = this.#path(key)
    const unfinished = join(this.#directory, UNFINISHED, randomBytes(12).toString('hex'))
    try {
      const folder = await this.#folder(dirname(path))
      const file = await open(unfinished, 'wx')
      try {
        await writeAll(file, chunks)
        await file.datasync()
      } finally {
        await file.close()
      }
      await rename(unfinished, path)
      await folder.sync()
    } catch (error) {
      await rm(unfinished, { force: true })
      // Should the name be there after all, the object is whole, and the same bytes can be put again.
      throw new NotApplied(`the object could not be written: ${(error as Error).message}`, { cause: error })
    }
  }

  async get(key: string, position: Position, bytes: number): Promise<Uint8Array | undefined> {
    const path = this.#path(key)
    try {
      return await this.#open.use(path, handle => readUpTo(handle, position, bytes))
    } catch (error) {
      throw new NotApplied(`the object could not be read: ${(error as Error).message}`, { cause: error })
    }
  }

  async *list(): AsyncGenerator<ObjectInfo> {
    const entries = await readdir(this.#directory, { recursive: true, withFileTypes: true })
    for (const entry of entries) {
      if (!entry.isFile()) continue
      const path = join(entry.parentPath, entry.name)
      const key = relative(this.#directory, path).split(sep).join('/')
      if (key.startsWith(`${UNFINISHED}/`)) continue
      const file = await stat(path).catch(ignoreMissing)
      if (file) yield { key, bytes: file.size, modifiedMs: file.mtimeMs }
    }
  }

  async remove(key: string): Promise<void> {
    await rm(this.#path(key), { force: true })
  }

  async close(): Promise<void> {
    await this.#open.close()
    for (const folder of this.#folders.values()) await (await folder).close()
  }

  #path(key: string): string {
    const parts = key.split('/')
    const isSafe = parts.every(part => part !== '' && part !== '.' && part !== '..' && !part.includes('\0'))
    if (!isSafe || parts[0] === UNFINISHED) throw new RangeError(`"${key}" cannot be the key of an object`)
    return join(this.#directory, ...parts)
  }

  /** A folder kept open, since every put syncs one. */
  #folder(path: string): Promise<FileHandle> {
    let folder = this.#folders.get(path)
    if (!folder) {
      folder = makeFolder(path).then(() => open(path))
      this.#folders.set(path, folder)
      // A folder that could not be opened is tried again by the next put.
      folder.catch(() => this.#folders.delete(path))
    }
    return folder
  }
}

async function readUpTo(file: FileHandle, position: number, bytes: number): Promise<Uint8Array> {
  const buffer = Buffer.allocUnsafe(bytes)
  let length = 0
  while (length < bytes) {
    const { bytesRead } = await file.read(buffer, length, bytes - length, position + length)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return buffer.subarray(0, length)
}

async function writeAll(file: FileHandle, chunks: readonly Uint8Array[]): Promise<void> {
  let left = chunks.slice()
  while (left.length > 0) {
    let { bytesWritten } = await file.writev(left)
    // A write may stop early; go on where it did.
    while (left.length > 0 && bytesWritten >= left[0]!.length) bytesWritten -= left.shift()!.length
    if (bytesWritten > 0) left = [left[0]!.subarray(bytesWritten), ...left.slice(1)]
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
