import { type FileHandle, open } from 'node:fs/promises'
import { compareKeys } from '../../core/key-order.ts'

/**
 * SQLite's write-ahead log, synced beside everything else: SQLite itself would sync it in place, where it holds up all that this process
 * does. That is as good, since a transaction is durable when its log is, up to its end, and is read before only by who asks here whether it
 * is. The log is one file as long as the database is open. Nobody has locks on it, so it may be closed.
 */
export class SyncedLog {
  readonly #file: FileHandle
  /** What has been changed since it was last synced. */
  readonly #keys = new Set<string>()
  #hasChangedAll = false

  private constructor(file: FileHandle) {
    this.#file = file
  }

  /** @param path of the database, which is open */
  static async open(path: string): Promise<SyncedLog> {
    return new SyncedLog(await open(`${path}-wal`, 'r+'))
  }

  noteChange(key: string): void {
    this.#keys.add(key)
  }

  noteChanges(): void {
    this.#hasChangedAll = true
  }

  /** Whether anything between these two, both included, is not durable. */
  hasChanged(first: string, last: string): boolean {
    if (this.#hasChangedAll) return true
    if (first === last) return this.#keys.has(first)
    for (const key of this.#keys) if (compareKeys(key, first) >= 0 && compareKeys(key, last) <= 0) return true
    return false
  }

  /** What was not committed after all. */
  forgetChanges(): void {
    this.#keys.clear()
    this.#hasChangedAll = false
  }

  /** Nothing is to be changed meanwhile that must be durable. @throws Error with a code */
  async sync(): Promise<void> {
    try {
      await this.#file.datasync()
    } finally {
      this.forgetChanges()
    }
  }

  async close(): Promise<void> {
    await this.#file.close()
  }
}
