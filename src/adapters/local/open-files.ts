import { type FileHandle, open } from 'node:fs/promises'
import { STORE_REMOVED_LOOK_MS } from '../../core/limits.ts'

/**
 * Objects that were read lately, kept open: a consumer reads one object many times in a row. Objects never
 * change, so an open file is as good as the name; one that is removed meanwhile can still be read. Never more of them than
 * this process has descriptors for: who needs another one waits until one is idle.
 */
export class OpenFiles {
  /** The least recently used one first. */
  readonly #files = new Map<string, OpenFile>()
  readonly #filesMax: number
  readonly #lookMs: number
  /** Those that wait for a file that is idle. */
  #waiting: (() => void)[] = []
  #lookAtMs = Number.NEGATIVE_INFINITY

  /** @param lookMs how often it is looked which files others have removed */
  constructor(filesMax: number, lookMs: number = STORE_REMOVED_LOOK_MS) {
    this.#filesMax = filesMax
    this.#lookMs = lookMs
  }

  /** Whether it is open just now. */
  has(path: string): boolean {
    return this.#files.has(path)
  }

  /** Lets `use` read from the file, which stays open meanwhile; undefined where there is none. */
  async use<T>(path: string, use: (handle: FileHandle) => Promise<T>): Promise<T | undefined> {
    await this.lookForRemoved()
    while (!this.#files.has(path) && this.#files.size >= this.#filesMax) await this.#oneIdle()
    const file = this.#files.get(path) ?? new OpenFile(path)
    this.#files.delete(path)
    this.#files.set(path, file)
    // Counted before the first wait: a file in use is never closed.
    file.readers += 1
    let isGood = false
    try {
      const handle = await file.opening
      const result = handle && (await use(handle))
      isGood = handle !== undefined
      return result
    } finally {
      file.readers -= 1
      // What is missing or fails is opened anew by the next reader.
      if (!isGood && this.#files.get(path) === file) this.#files.delete(path)
      if (this.#files.get(path) !== file && file.readers === 0) await file.close()
      const waiting = this.#waiting
      this.#waiting = []
      for (const goOn of waiting) goOn()
    }
  }

  /** Until there may be room for another file. */
  async #oneIdle(): Promise<void> {
    const before = this.#files.size
    await this.#closeIdle(this.#filesMax - 1)
    if (this.#files.size < before) return
    await new Promise<void>(resolve => this.#waiting.push(resolve))
  }

  /**
   * Closes those that other processes have removed, unless it was looked just now: a large one that stays open keeps its room on
   * the disk.
   */
  async lookForRemoved(): Promise<void> {
    const nowMs = performance.now()
    if (nowMs < this.#lookAtMs) return
    this.#lookAtMs = nowMs + this.#lookMs
    for (const [path, file] of this.#files) {
      if (file.readers === 0 && (await file.isRemoved())) await this.forget(path)
    }
  }

  /** After a file was removed: as long as it is open, its bytes are not given back. Who reads from it goes on. */
  async forget(path: string): Promise<void> {
    const file = this.#files.get(path)
    this.#files.delete(path)
    if (file?.readers === 0) await file.close()
  }

  async close(): Promise<void> {
    await this.#closeIdle(0)
  }

  async #closeIdle(kept: number): Promise<void> {
    for (const [path, file] of this.#files) {
      if (this.#files.size <= kept) return
      if (file.readers > 0) continue
      this.#files.delete(path)
      await file.close()
    }
  }
}

class OpenFile {
  readonly opening: Promise<FileHandle | undefined>
  readers = 0

  constructor(path: string) {
    this.opening = openIfThere(path)
  }

  async isRemoved(): Promise<boolean> {
    const handle = await this.opening.catch(() => undefined)
    // Somebody may be closing it just now.
    const found = await handle?.stat().catch(() => undefined)
    return found?.nlink === 0
  }

  async close(): Promise<void> {
    // One that could not be opened has told its readers so.
    await (await this.opening.catch(() => undefined))?.close()
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
