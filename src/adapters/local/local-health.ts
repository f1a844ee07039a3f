import { open } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { StoreHealth } from '../../ports/store-health.ts'
import { checkRoom } from './folders.ts'
import type { Footing } from './footing.ts'
import { asFileFailure } from './local-failures.ts'
import type { LocalObjectStore } from './local-object-store.ts'
import type { SqliteItems } from './sqlite-items.ts'
import { Trouble } from './trouble.ts'

/** What is read to see whether the disk still gives anything. */
const HEADER_BYTES = 32

/**
 * How a store in a directory is: whether its files are where they were, what its last reads and writes failed with, and,
 * as long as nobody reads or writes, whether the disk still answers and has room.
 */
export class LocalHealth implements StoreHealth {
  readonly #footing: Footing
  readonly #items: SqliteItems
  readonly #objects: LocalObjectStore
  readonly #disk: Trouble

  constructor(database: string, footing: Footing, items: SqliteItems, objects: LocalObjectStore) {
    this.#footing = footing
    this.#items = items
    this.#objects = objects
    this.#disk = new Trouble(() => lookAtDisk(database))
  }

  async look(isTried = false): Promise<string | undefined> {
    return (
      this.#footing.trouble() ??
      this.needsRestart() ??
      (await this.#items.trouble.look(isTried)) ??
      (await this.#objects.trouble.look()) ??
      (await this.#disk.lookAgain())
    )
  }

  needsRestart(): string | undefined {
    return this.#items.closedFor?.message
  }
}

async function lookAtDisk(database: string): Promise<void> {
  try {
    await checkRoom(dirname(database))
    // Not the database, nor its shared memory: whoever closes a file gives up the locks that its process has on it, SQLite's too.
    // That it is opened each time also tells whether this process may still open files.
    const file = await open(`${database}-wal`)
    try {
      await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0)
    } finally {
      await file.close()
    }
  } catch (error) {
    throw asFileFailure(error, `the index ${database} is in danger`)
  }
}
