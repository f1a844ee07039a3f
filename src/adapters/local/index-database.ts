import { open, type RootDatabase } from 'lmdb'
import { OutcomeUnknown, StoreFailed } from '../../ports/outcome.ts'

/** A value and the number that changes with it. */
interface Versioned {
  readonly value: Buffer
  readonly version: number
}

/** A write that waits for its transaction. */
interface Write {
  /** Hands the write to LMDB, inside of a batch; tells whether its condition held. */
  readonly issue: () => Promise<boolean>
  readonly resolve: (isDone: boolean) => void
  readonly reject: (error: Error) => void
}

/**
 * LMDB as Tidemark uses it: one sorted key space, and single items that change only from the version that was
 * read, so that several processes may write at the same time. What is written while a transaction is under way
 * shares the next one and its fsync. LMDB's callback transactions are not used: they never came back on some
 * machines.
 *
 * A transaction that could not be committed, on a full disk say, is the last one: after it this LMDB has been seen
 * to lose transactions that it reported as committed. Until the store is opened anew it can only be read.
 */
export class IndexDatabase {
  readonly #database: RootDatabase<Buffer, string>
  #waiting: Write[] = []
  #isWriting = false
  #failure: Error | undefined

  /** Opens the database in this folder, and makes it where there is none. */
  constructor(directory: string) {
    this.#database = open<Buffer, string>({
      path: directory,
      encoding: 'binary',
      useVersions: true,
      // A write resolves when it is on the disk, not when others can see it.
      overlappingSync: false,
      // Batches that LMDB makes by event turns have promises that nobody holds: one that failed would end the process.
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
   * @throws OutcomeUnknown, StoreFailed
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
      const put = () => this.#database.put(key, asBuffer(changed), version, expected as number)
      if (await this.#write(put)) return
    }
  }

  /** Removes an item on a condition; tells whether it held. @throws OutcomeUnknown, StoreFailed */
  async removeIf(key: string, condition: (standing: Buffer) => boolean): Promise<boolean> {
    for (;;) {
      const standing = this.#read(key)
      if (!standing || !condition(standing.value)) return false
      if (await this.#write(() => this.#database.remove(key, standing.version))) return true
    }
  }

  /** @throws OutcomeUnknown, StoreFailed */
  async removeAll(keys: readonly string[]): Promise<void> {
    await Promise.all(keys.map(key => this.#write(() => this.#database.remove(key))))
  }

  async close(): Promise<void> {
    await this.#database.close()
  }

  #read(key: string): Versioned | undefined {
    // Without this, a read may see the store as it was a moment ago.
    this.#database.resetReadTxn()
    return this.#database.getEntry(key) as Versioned | undefined
  }

  #write(issue: () => Promise<boolean>): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ issue, resolve, reject })
      if (!this.#isWriting) void this.#writeWaiting()
    })
  }

  /** One transaction after the other: the one after a failed one must never begin. */
  async #writeWaiting(): Promise<void> {
    this.#isWriting = true
    // Whatever else is written in this turn comes along.
    await undefined
    while (this.#waiting.length > 0) {
      const writes = this.#waiting
      this.#waiting = []
      if (this.#failure) for (const { reject } of writes) reject(notWritable(this.#failure))
      else await this.#commit(writes)
    }
    this.#isWriting = false
  }

  async #commit(writes: readonly Write[]): Promise<void> {
    try {
      let results: Promise<boolean>[] = []
      await this.#database.batch(() => {
        results = writes.map(({ issue }) => issue())
        // Each fails with its batch, which is where it is told.
        for (const result of results) result.catch(() => {})
      })
      for (const [index, isDone] of (await Promise.all(results)).entries()) writes[index]!.resolve(isDone)
    } catch (error) {
      this.#failure = error as Error
      // LMDB's error carries a second promise, which would end the process as an unhandled rejection.
      const { commitError } = error as { commitError?: Promise<unknown> }
      commitError?.catch(() => {})
      const unknown = new OutcomeUnknown(`the index could not be written: ${this.#failure.message}`, {
        cause: error,
      })
      for (const { reject } of writes) reject(unknown)
    }
  }
}

/** A view: LMDB's typings want a Buffer. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function notWritable(cause: Error): StoreFailed {
  return new StoreFailed(
    'the index could not be written and is closed to writing; see to the disk (is it full?), then start again',
    { cause },
  )
}
