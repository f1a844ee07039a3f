import type { FileHandle } from 'node:fs/promises'
import { PACK_BYTES_MAX, PACK_FILES_OPEN_MAX, PACK_TRIES_MAX } from '../../core/limits.ts'
import { NotApplied } from '../../ports/outcome.ts'
import { writeAll } from './folders.ts'
import type { PackedPlace } from './ingest-tables.ts'

/** So many bytes of those that wait are written together, unless it is one that has more. */
const WRITTEN_TOGETHER_BYTES = 16 * 2 ** 20

/** A new file, durable under its name. */
export interface PackFile {
  readonly pack: number
  readonly handle: FileHandle
  /** Whether its name still leads to it. @throws where the folder's does not */
  isStill(): boolean
}

interface OpenPack extends PackFile {
  readonly epoch: number
  /** What is written and synced. */
  bytes: number
}

interface Waiting {
  readonly epoch: number
  readonly chunks: readonly Uint8Array[]
  readonly bytes: number
  readonly resolve: (place: PackedPlace) => void
  readonly reject: (error: unknown) => void
}

/**
 * Files in which objects lie one after the other, each of one epoch: what waits is written together, and synced once. A file of its own
 * takes an object two syncs, and the making of a name, of which a disk does few a second.
 *
 * A file in which a write has failed is not written any more: nobody knows what the disk has of it behind what was synced before.
 */
export class Packs {
  readonly #begin: (epoch: number) => Promise<PackFile>
  readonly #drop: (file: PackFile) => Promise<void>
  #waiting: Waiting[] = []
  /** Those that nobody writes to just now. */
  #idle: OpenPack[] = []
  readonly #writers = new Set<Promise<void>>()

  /**
   * @param begin makes one
   * @param drop is told of each that is closed, and ends it if it has no objects
   */
  constructor(begin: (epoch: number) => Promise<PackFile>, drop: (file: PackFile) => Promise<void>) {
    this.#begin = begin
    this.#drop = drop
  }

  /** Whether somebody waits for the disk. */
  get isBusy(): boolean {
    return this.#writers.size > 0
  }

  /** Resolves when the bytes are durable. Rejects with what the disk fails with, or `begin`. */
  append(epoch: number, chunks: readonly Uint8Array[]): Promise<PackedPlace> {
    const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ epoch, chunks, bytes, resolve, reject })
      if (this.#writers.size < PACK_FILES_OPEN_MAX) this.#beginWriting()
    })
  }

  /** No more goes into this one. */
  async end(pack: number): Promise<void> {
    const found = this.#idle.find(each => each.pack === pack)
    this.#idle = this.#idle.filter(each => each !== found)
    if (found) await this.#close(found)
  }

  async close(): Promise<void> {
    await Promise.all(this.#writers)
    const idle = this.#idle
    this.#idle = []
    for (const file of idle) await this.#close(file)
  }

  #beginWriting(): void {
    const writer: Promise<void> = this.#writeWaiting(() => this.#writers.delete(writer))
    this.#writers.add(writer)
  }

  async #writeWaiting(end: () => void): Promise<void> {
    // Whatever else is put in this turn comes along.
    await undefined
    while (this.#waiting.length > 0) await this.#write(this.#takeGroup())
    // At once: what comes from now on has others see to it.
    end()
  }

  /** Those who came first, of one epoch. */
  #takeGroup(): Waiting[] {
    const { epoch } = this.#waiting[0]!
    let [count, bytes] = [0, 0]
    for (const each of this.#waiting) {
      if (each.epoch !== epoch || (count > 0 && bytes + each.bytes > WRITTEN_TOGETHER_BYTES)) break
      count += 1
      bytes += each.bytes
    }
    return this.#waiting.splice(0, count)
  }

  async #write(group: readonly Waiting[]): Promise<void> {
    try {
      const chunks = group.flatMap(({ chunks }) => chunks)
      const file = await this.#writeSomewhere(group[0]!.epoch, chunks)
      for (const { bytes, resolve } of group) {
        resolve({ pack: file.pack, position: file.bytes, bytes })
        file.bytes += bytes
      }
      if (file.bytes < PACK_BYTES_MAX) this.#idle.push(file)
      else await this.#close(file)
    } catch (error) {
      for (const { reject } of group) reject(error)
    }
  }

  /** Writes at the end of a file, and tells which; then nobody else knows of it. */
  async #writeSomewhere(epoch: number, chunks: readonly Uint8Array[]): Promise<OpenPack> {
    for (let tries = 0; tries < PACK_TRIES_MAX; tries += 1) {
      const file = (await this.#takeIdle(epoch)) ?? { ...(await this.#begin(epoch)), epoch, bytes: 0 }
      try {
        await writeAll(file.handle, chunks)
        await file.handle.datasync()
        // Else another process has removed it, since nothing in it was left.
        if (file.isStill()) return file
      } catch (error) {
        await this.#close(file)
        throw error
      }
      await this.#close(file)
    }
    throw new NotApplied('a file that objects share was removed each time')
  }

  /** One of another epoch is not needed any more, as a rule. */
  async #takeIdle(epoch: number): Promise<OpenPack | undefined> {
    const found = this.#idle.find(each => each.epoch === epoch)
    const others = this.#idle.filter(each => each.epoch !== epoch)
    this.#idle = this.#idle.filter(each => each !== found && each.epoch === epoch)
    for (const file of others) await this.#close(file)
    return found
  }

  /** What is in it is on the disk. */
  async #close(file: OpenPack): Promise<void> {
    await file.handle.close().catch(() => {})
    await this.#drop(file).catch(() => {})
  }
}
