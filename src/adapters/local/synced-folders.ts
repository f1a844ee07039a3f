import type { FileHandle } from 'node:fs/promises'
import type { Footing } from './footing.ts'

/** A folder that puts sync, and what else must lie under its name as long as that is done. */
export interface SyncedFolder {
  readonly handle: FileHandle
  readonly footing: Footing
}

interface KeptFolder {
  readonly opening: Promise<SyncedFolder>
  users: number
}

/** Folders kept open, since every put syncs one: no more of them than this process has descriptors for. */
export class SyncedFolders {
  /** The least recently used one first. */
  readonly #folders = new Map<string, KeptFolder>()
  readonly #open: (path: string) => Promise<SyncedFolder>
  readonly #foldersMax: number

  constructor(foldersMax: number, open: (path: string) => Promise<SyncedFolder>) {
    this.#foldersMax = foldersMax
    this.#open = open
  }

  /** Lets `use` work in a folder, which stays open meanwhile. After a failure the next one opens it again. */
  async use(path: string, use: (folder: SyncedFolder) => Promise<void>): Promise<void> {
    const folder = this.#folders.get(path) ?? { opening: this.#open(path), users: 0 }
    this.#folders.delete(path)
    this.#folders.set(path, folder)
    folder.users += 1
    try {
      await use(await folder.opening)
    } catch (error) {
      if (this.#folders.get(path) === folder) this.#folders.delete(path)
      throw error
    } finally {
      folder.users -= 1
      if (folder.users === 0 && this.#folders.get(path) !== folder) await close(folder).catch(() => {})
      await this.#closeIdle(this.#foldersMax)
    }
  }

  /** After a folder was removed: who works in it finds out by itself. */
  async forget(path: string): Promise<void> {
    const folder = this.#folders.get(path)
    this.#folders.delete(path)
    if (folder?.users === 0) await close(folder)
  }

  async close(): Promise<void> {
    await this.#closeIdle(0)
  }

  async #closeIdle(kept: number): Promise<void> {
    for (const [path, folder] of this.#folders) {
      if (this.#folders.size <= kept) return
      if (folder.users > 0) continue
      this.#folders.delete(path)
      await close(folder)
    }
  }
}

async function close({ opening }: KeptFolder): Promise<void> {
  // One that could not be opened has told its users so.
  const folder = await opening.catch(() => undefined)
  await folder?.handle.close()
}
