import { join } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { NotApplied, OutcomeUnknown, StoreFailed } from '../../ports/outcome.ts'
import type { Change, Item, Items } from '../items/items.ts'

/** How long a write waits for its turn among processes, and how long it sleeps between two looks, at most. */
const TURN_MS_MAX = 10_000
const TURN_PAUSE_MS_MAX = 4
/** A reader has to wait only while another process recovers the file or empties its log. */
const READ_TIMEOUT_MS = 10_000
/** SQLITE_BUSY; extended codes have more bits. */
const BUSY = 5

/** A change that waits for its transaction. */
interface Write {
  /** Tells the answer. */
  readonly apply: () => unknown
  readonly resolve: (answer: never) => void
  readonly reject: (error: unknown) => void
}

/**
 * Items in SQLite, in write-ahead mode, each commit synced. Every read is of one moment, other processes' writes included. Changes that
 * are made in one turn, or while others are under way, share the next transaction and its fsync. Several processes may
 * write: SQLite lets one in at a time.
 *
 * A transaction that could not be committed, on a full disk say, is the last one: nobody knows then what the disk
 * and the memory agree on. Until the store is opened anew it can only be read.
 */
export class SqliteItems implements Items {
  readonly #database: DatabaseSync
  readonly #get: StatementSync
  readonly #put: StatementSync
  readonly #remove: StatementSync
  readonly #removeRange: StatementSync
  readonly #range: StatementSync
  readonly #lastUpTo: StatementSync
  #waiting: Write[] = []
  #isWriting = false
  #written: Promise<void> = Promise.resolve()
  #failure: Error | undefined

  /** Opens the database in this folder, and makes it where there is none. */
  constructor(directory: string) {
    const database = new DatabaseSync(join(directory, 'index.sqlite'), { timeout: READ_TIMEOUT_MS })
    // FULL: a commit returns when it is on the disk.
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
    database.exec(
      'CREATE TABLE IF NOT EXISTS items (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID',
    )
    this.#get = database.prepare('SELECT value FROM items WHERE key = ?')
    this.#put = database.prepare('INSERT OR REPLACE INTO items (key, value) VALUES (?, ?)')
    this.#remove = database.prepare('DELETE FROM items WHERE key = ?')
    this.#removeRange = database.prepare('DELETE FROM items WHERE key >= ? AND key < ?')
    this.#range = database.prepare(
      'SELECT key, value FROM items WHERE key >= ? AND key < ? ORDER BY key LIMIT ?',
    )
    this.#lastUpTo = database.prepare(
      'SELECT key, value FROM items WHERE key >= ? AND key <= ? ORDER BY key DESC LIMIT 1',
    )
    this.#database = database
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.#read(key)
  }

  async range(start: string, end: string, limit = -1): Promise<Item[]> {
    return this.#range.all(start, end, limit) as unknown as Item[]
  }

  async lastUpTo(first: string, last: string): Promise<Item | undefined> {
    return this.#lastUpTo.get(first, last) as unknown as Item | undefined
  }

  async update<T>(key: string, change: (standing: Uint8Array | undefined) => Change<T>): Promise<T> {
    return await this.#write(() => {
      const { put, isRemoved, answer } = change(this.#read(key))
      if (put) this.#put.run(key, put)
      else if (isRemoved) this.#remove.run(key)
      return answer
    })
  }

  async removeRange(start: string, end: string): Promise<void> {
    await this.#write(() => {
      this.#removeRange.run(start, end)
    })
  }

  async close(): Promise<void> {
    await this.#written
    this.#database.close()
  }

  #read(key: string): Uint8Array | undefined {
    return this.#get.get(key)?.value as Uint8Array | undefined
  }

  /** Changes that are asked for in one turn are in one transaction. */
  #write<T>(apply: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ apply, resolve, reject })
      if (!this.#isWriting) this.#written = this.#writeWaiting()
    })
  }

  /** One transaction after the other: the one after a failed one must never begin. */
  async #writeWaiting(): Promise<void> {
    this.#isWriting = true
    // Whatever else is written in this turn comes along.
    await undefined
    while (this.#waiting.length > 0) {
      const begun = this.#failure ? notWritable(this.#failure) : await this.#begin()
      const writes = this.#waiting
      this.#waiting = []
      if (begun) for (const { reject } of writes) reject(begun)
      else this.#commit(writes)
    }
    this.#isWriting = false
  }

  /** Waits for this process's turn; tells the error where it does not come. */
  async #begin(): Promise<Error | undefined> {
    const untilMs = Date.now() + TURN_MS_MAX
    for (;;) {
      try {
        // A write that finds the file busy waits without holding up everything else in this process.
        this.#database.exec('PRAGMA busy_timeout = 0; BEGIN IMMEDIATE')
        return undefined
      } catch (error) {
        const message = `the index could not be locked: ${(error as Error).message}`
        if (!isBusy(error) || Date.now() >= untilMs) return new NotApplied(message, { cause: error })
      } finally {
        this.#database.exec(`PRAGMA busy_timeout = ${READ_TIMEOUT_MS}`)
      }
      await sleep(Math.random() * TURN_PAUSE_MS_MAX)
    }
  }

  #commit(writes: readonly Write[]): void {
    const acknowledgements: (() => void)[] = []
    try {
      for (const write of writes) acknowledgements.push(apply(write))
      this.#database.exec('COMMIT')
    } catch (error) {
      this.#failure = error as Error
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      const unknown = new OutcomeUnknown(`the index could not be written: ${this.#failure.message}`, {
        cause: error,
      })
      for (const { reject } of writes) reject(unknown)
      return
    }
    for (const acknowledge of acknowledgements) acknowledge()
  }
}

/**
 * Tells what the writer is to hear when the transaction is committed. A change that cannot be made of what stands there
 * fails alone, before it has written anything.
 */
function apply({ apply: change, resolve, reject }: Write): () => void {
  try {
    const answer = change() as never
    return () => resolve(answer)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_SQLITE_ERROR') throw error
    reject(error)
    return () => {}
  }
}

function isBusy(error: unknown): boolean {
  return ((error as { errcode?: number }).errcode ?? 0) % 256 === BUSY
}

function notWritable(cause: Error): StoreFailed {
  return new StoreFailed(
    'the index could not be written and is closed to writing; see to the disk (is it full?), then start again',
    { cause },
  )
}
