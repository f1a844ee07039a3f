import { open, type RootDatabase } from 'lmdb'
import { OutcomeUnknown } from '../../ports/outcome.ts'

/** A value and the number that changes with it. */
interface Versioned {
  readonly value: Buffer
  readonly version: number
}

/**
 * LMDB as Tidemark uses it: one sorted key space, and single items that change only from the version that was
 * read, so that several processes may write at the same time. Writes of one turn share a transaction and its
 * fsync. Its callback transactions are not used: they never came back on some machines.
 */
export class IndexDatabase {
  readonly #database: RootDatabase<Buffer, string>

  /** Opens the database in this folder, and makes it where there is none. */
  constructor(directory: string) {
    this.#database = open<Buffer, string>({
      path: directory,
      encoding: 'binary',
      useVersions: true,
      // A write resolves when it is on the disk, not when others can see it.
      overlappingSync: false,
      // Batches that LMDB makes by event turns have promises that nobody holds: one that failed, on a full disk,
      // would end the process.
      eventTurnBatching: false,
    })
  }

  /** As of now, other processes' writes included. */
  get(key: string): Buffer | undefined {
    return this.#read(key)?.value
  }

  /** The items from `start` to below `end`, in order. */
  *range(start: string, end: string, limit?: number): Generator<{ key: string; value: Buffer }> {
    this.#database.resetReadTxn()
    yield* this.#database.getRange({ start, end, ...(limit === undefined ? {} : { limit }) })
  }

  /** The last item from `first` to `last`, both included. */
  lastUpTo(first: string, last: string): { key: string; value: Buffer } | undefined {
    this.#database.resetReadTxn()
    for (const item of this.#database.getRange({ start: last, end: first, reverse: true, limit: 1 }))
      return item
    return undefined
  }

  /**
   * Changes one item atomically: `change` gets what stands there and tells what shall; undefined leaves it.
   * It may be called again where another writer was faster.
   */
  async update(key: string, change: (standing: Buffer | undefined) => Uint8Array | undefined): Promise<void> {
    for (;;) {
      const standing = this.#read(key)
      const changed = change(standing?.value)
      if (!changed) return
      // Versions begin anywhere, so that an item removed and made again is not taken for the old one. No seed need
      // replay this: nothing depends on which number it is.
      const version = standing ? standing.version + 1 : Math.floor(Math.random() * 2 ** 40)
      const expected = standing ? standing.version : null
      // LMDB's typings do not know that null stands for "there is none".
      if (await sure(this.#database.put(key, Buffer.from(changed), version, expected as number))) return
    }
  }

  /** Removes an item on a condition; tells whether it held. */
  async removeIf(key: string, condition: (standing: Buffer) => boolean): Promise<boolean> {
    for (;;) {
      const standing = this.#read(key)
      if (!standing || !condition(standing.value)) return false
      if (await sure(this.#database.remove(key, standing.version))) return true
    }
  }

  async removeAll(keys: readonly string[]): Promise<void> {
    await Promise.all(keys.map(key => sure(this.#database.remove(key))))
  }

  async close(): Promise<void> {
    await this.#database.close()
  }

  #read(key: string): Versioned | undefined {
    // Without this, a read may see the store as it was a moment ago.
    this.#database.resetReadTxn()
    return this.#database.getEntry(key) as Versioned | undefined
  }
}

/** A transaction that fails may be on the disk or not. */
async function sure(write: Promise<boolean>): Promise<boolean> {
  try {
    return await write
  } catch (error) {
    // LMDB's error carries a second promise, which would end the process as an unhandled rejection.
    const { commitError } = error as { commitError?: Promise<unknown> }
    commitError?.catch(() => {})
    throw new OutcomeUnknown(`the index could not be written: ${(error as Error).message}`, { cause: error })
  }
}
