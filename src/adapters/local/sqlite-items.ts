import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { OutcomeUnknown, StoreDamaged, StoreFailed } from '../../ports/outcome.ts'
import type { Change, Item, Items } from '../items/items.ts'
import type { Access } from './directory.ts'
import { checkRoom } from './folders.ts'
import type { Footing } from './footing.ts'
import {
  asFileFailure,
  asSqliteFailure,
  isBusy,
  isDiskFailure,
  isFull,
  isNotWritable,
  isSqliteError,
  READ_ONLY,
} from './local-failures.ts'
import { Trouble } from './trouble.ts'

/** How long a write waits for its turn among processes, and how long it sleeps between two looks, at most. */
const TURN_MS_MAX = 10_000
const TURN_PAUSE_MS_MAX = 4
/** A reader has to wait only while another process recovers the file or empties its log. */
const READ_TIMEOUT_MS = 10_000

/** Of a damaged file, how much is told. */
const PROBLEMS_MAX = 10

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
 * A transaction that could not be committed is the last one: nobody knows then what the disk and the memory agree on. Until
 * the store is opened anew it can only be read. But where the disk was full, the next one may be tried: it was told so
 * before anything was synced.
 */
export class SqliteItems implements Items {
  readonly #database: DatabaseSync
  readonly #path: string
  readonly #footing: Footing
  readonly #get: StatementSync
  readonly #put: StatementSync
  readonly #remove: StatementSync
  readonly #removeRange: StatementSync
  readonly #range: StatementSync
  readonly #lastUpTo: StatementSync
  #waiting: Write[] = []
  #isWriting = false
  #written: Promise<void> = Promise.resolve()
  #failure: StoreFailed | undefined
  /** What was found of damage, which does not go by itself. */
  #damage: Error | undefined
  /** What is wrong with the database, as far as the last writes tell. */
  readonly trouble = new Trouble(() => this.#tryOut())

  /**
   * Opens the database in this file, and makes it where there is none and it may be made.
   * @param footing what must not be taken away meanwhile; the database's files are added
   */
  constructor(path: string, footing: Footing, access: Access) {
    this.#path = path
    this.#footing = footing
    if (access === 'read') this.#failure = new StoreFailed(READ_ONLY)
    const database = openDatabase(path, access)
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
    try {
      // With the first look at the data, which makes the other two files: they stay until the last process closes.
      this.#get.get('')
      const suffixes = access === 'read' ? [''] : ['', '-wal', '-shm']
      // What has just been committed stands in the write-ahead log.
      for (const suffix of suffixes) footing.take(`${path}${suffix}`, suffix === '-wal')
    } catch (error) {
      database.close()
      throw error
    }
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.#reading(() => this.#read(key))
  }

  async range(start: string, end: string, limit = -1): Promise<Item[]> {
    return this.#reading(() => this.#range.all(start, end, limit)) as unknown as Item[]
  }

  async lastUpTo(first: string, last: string): Promise<Item | undefined> {
    return this.#reading(() => this.#lastUpTo.get(first, last)) as unknown as Item | undefined
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

  /** What SQLite finds wrong with the file, a line each. */
  check(): string[] {
    const told = this.#reading(() => this.#database.prepare(`PRAGMA integrity_check(${PROBLEMS_MAX})`).all())
    // Several of them may come as the lines of one text, below the name of the database.
    const lines = told
      .flatMap(({ integrity_check: text }) => String(text).split('\n'))
      .filter(line => !line.startsWith('***'))
    return lines.length === 1 && lines[0] === 'ok' ? [] : lines
  }

  async close(): Promise<void> {
    await this.#written
    this.#database.close()
  }

  #read(key: string): Uint8Array | undefined {
    return this.#get.get(key)?.value as Uint8Array | undefined
  }

  #reading<T>(read: () => T): T {
    try {
      return read()
    } catch (error) {
      throw this.#noted(error, 'could not be read')
    }
  }

  /** Writes an item as it is. */
  async #tryOut(): Promise<void> {
    this.#footing.check(false)
    const lasting = this.#damage ?? this.#failure
    if (lasting) throw lasting
    await checkRoom(dirname(this.#path)).catch(error => {
      throw asFileFailure(error, `the index ${this.#path} could not be written`)
    })
    await this.#write(() => {
      const [first] = this.#range.all('', '\u{10ffff}', 1) as unknown as Item[]
      if (first) this.#put.run(first.key, first.value)
    })
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
      const begun = this.#failure ?? (await this.#begin())
      const writes = this.#waiting
      this.#waiting = []
      if (begun) for (const { reject } of writes) reject(begun)
      else this.#commit(writes)
    }
    this.#isWriting = false
  }

  /** Waits for this process's turn; tells the error where it does not come. */
  async #begin(): Promise<unknown> {
    const untilMs = Date.now() + TURN_MS_MAX
    for (;;) {
      try {
        this.#footing.checkBefore()
        // A write that finds the file busy waits without holding up everything else in this process.
        this.#database.exec('PRAGMA busy_timeout = 0; BEGIN IMMEDIATE')
        return undefined
      } catch (error) {
        if (!isBusy(error) || Date.now() >= untilMs) return this.#noted(error, 'could not be locked')
      } finally {
        this.#database.exec(`PRAGMA busy_timeout = ${READ_TIMEOUT_MS}`)
      }
      // Chance keeps processes that wait from marching in step.
      await sleep(1 + Math.random() * TURN_PAUSE_MS_MAX)
    }
  }

  #commit(writes: readonly Write[]): void {
    const acknowledgements: (() => void)[] = []
    let isUnsure = false
    try {
      for (const write of writes) acknowledgements.push(apply(write))
      isUnsure = true
      this.#database.exec('COMMIT')
      // What was committed to a file whose name leads elsewhere by now is lost.
      this.#footing.checkAfter()
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      const failure = this.#commitFailure(error, isUnsure)
      for (const { reject } of writes) reject(failure)
      return
    }
    if (!this.#damage) this.trouble.worked()
    for (const acknowledge of acknowledgements) acknowledge()
  }

  #commitFailure(error: unknown, isUnsure: boolean): unknown {
    if (!isSqliteError(error)) return error
    const isLast = isUnsure ? !isFull(error) : isDiskFailure(error)
    if (!isLast) return this.#noted(error, 'could not be written', isUnsure)
    this.#failure = this.trouble.failed(notWritable(this.#path, error))
    return new OutcomeUnknown(`the index ${this.#path} could not be written: ${error.message}`, {
      cause: error,
    })
  }

  #noted(error: unknown, doing: string, isUnsure = false): unknown {
    const failure = asSqliteFailure(error, this.#path, doing, isUnsure)
    if (!(failure instanceof StoreFailed) || !isSqliteError(error)) return failure
    if (failure instanceof StoreDamaged) this.#damage = failure
    return this.trouble.failed(failure)
  }
}

function openDatabase(path: string, access: Access): DatabaseSync {
  // SQLite makes a file that is missing.
  if (access !== 'create') statSync(path)
  const database = new DatabaseSync(path, { timeout: READ_TIMEOUT_MS })
  try {
    if (access === 'read') {
      database.exec('SELECT 1 FROM items LIMIT 1')
      return database
    }
    // FULL: a commit returns when it is on the disk.
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
    database.exec(
      'CREATE TABLE IF NOT EXISTS items (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID',
    )
    return database
  } catch (error) {
    database.close()
    // SQLite does not say why it cannot: the file system does.
    if (access !== 'read' && isNotWritable(error)) {
      for (const place of [path, dirname(path)]) accessSync(place, constants.R_OK | constants.W_OK)
    }
    // Where nothing can be written, SQLite cannot make the files that it reads with; it needs none where all is in the first.
    if (access !== 'read' || !isNotWritable(error) || existsSync(`${path}-wal`)) throw error
    return new DatabaseSync(new URL(`${pathToFileURL(path)}?immutable=1`), { readOnly: true })
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
    if (isSqliteError(error)) throw error
    reject(error)
    return () => {}
  }
}

function notWritable(path: string, cause: Error): StoreFailed {
  return new StoreFailed(
    `the index ${path} could not be written (${cause.message}) and is closed to writing: see to the disk, then stop this ` +
      'broker and start it again',
    { cause },
  )
}
