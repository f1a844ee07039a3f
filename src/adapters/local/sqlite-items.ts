import { dirname } from 'node:path'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { STORE_READ_MS_MAX } from '../../core/limits.ts'
import { type NotApplied, StoreDamaged, StoreFailed } from '../../ports/outcome.ts'
import { type Change, type Changes, type Item, type Items, type Lasting, ofOne } from '../items/items.ts'
import type { Access } from './directory.ts'
import { checkRoom } from './folders.ts'
import type { Footing } from './footing.ts'
import type { Rows } from './ingest-tables.ts'
import {
  asFileFailure,
  asSqliteFailure,
  isBusy,
  isDamage,
  isDiskFailure,
  isFull,
  isFullBeforeCommit,
  isSqliteError,
  isStalled,
  READ_ONLY,
} from './local-failures.ts'
import { LoopRounds } from './loop-rounds.ts'
import { openDatabase } from './open-database.ts'
import { findUnreadable } from './readable.ts'
import { SharedHeader } from './shared-header.ts'
import { Trouble } from './trouble.ts'
import { pauseForTurn, Turns } from './turns.ts'
import { WriteLoop } from './write-loop.ts'

/** How long files that were read whole count as readable. */
const READABLE_MS = 5_000
/** Of a damaged file, how much is told. */
const PROBLEMS_MAX = 10

/** What a range without a limit is taken for, in reads, before it is known how many items it has; and what these add. */
const RANGE_STEPS = 50
const RANGE_ITEMS_A_STEP = 20

/**
 * Items in SQLite, in write-ahead mode. A commit with a change that lasts at once is synced, and with it all that stands in the
 * write-ahead log before, other processes' commits included. Every read is of one moment, other processes' writes included. Changes that
 * are made in one turn, or while others are under way, share the next transaction and its fsync. Several processes may
 * write: SQLite lets one in at a time.
 *
 * A transaction that could not be committed is the last one: nobody knows then what the disk and the memory agree on. Until
 * the store is opened anew it can only be read. But where the disk was full, the next one may be tried: it was told so
 * before anything was synced.
 *
 * Nothing here waits for another process in place, which would hold up everything else in this one.
 */
export class SqliteItems implements Items {
  readonly #database: DatabaseSync
  readonly #path: string
  readonly #header: SharedHeader
  readonly #footing: Footing
  readonly #get: StatementSync
  readonly #put: StatementSync
  readonly #remove: StatementSync
  readonly #removeRange: StatementSync
  readonly #range: StatementSync
  readonly #lastUpTo: StatementSync
  readonly #turns: Turns
  readonly #rounds = new LoopRounds()
  /** Whether commits sync now, as the database was told. */
  #isSynced = true
  readonly #writes = new WriteLoop(
    { begin: isSynced => this.#begin(isSynced), commit: apply => this.#commit(apply) },
    this.#rounds,
  )
  #failure: StoreFailed | undefined
  /** What was found of damage, which does not go by itself. */
  #damage: Error | undefined
  /** Until when its files are taken to be readable from one end to the other, as they were found. */
  #readableUntilMs = Number.NEGATIVE_INFINITY
  #unreadable: Promise<Error | undefined> | undefined
  readonly #isReadOnly: boolean
  /** What is wrong with the database, as far as the last writes tell. */
  readonly trouble = new Trouble(() => this.#tryOut())

  private constructor(path: string, footing: Footing, database: DatabaseSync, isReadOnly: boolean) {
    this.#path = path
    this.#header = new SharedHeader(path)
    this.#footing = footing
    this.#isReadOnly = isReadOnly
    if (isReadOnly) this.#failure = new StoreFailed(READ_ONLY)
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
    this.#turns = new Turns(database, path, this.#header)
  }

  /**
   * Opens the database in this file, and makes it where there is none and it may be made.
   * @param footing what must not be taken away meanwhile; the database's files are added
   */
  static async open(path: string, footing: Footing, access: Access): Promise<SqliteItems> {
    const database = await openDatabase(path, access)
    try {
      const items = new SqliteItems(path, footing, database, access === 'read')
      // With the first look at the data, which makes the other two files: they stay until the last process closes.
      await items.get('')
      const suffixes = access === 'read' ? [''] : ['', '-wal', '-shm']
      // What has just been committed stands in the write-ahead log.
      for (const suffix of suffixes) footing.take(`${path}${suffix}`, suffix === '-wal')
      return items
    } catch (error) {
      database.close()
      throw error
    }
  }

  /** Why nothing can be written before the store is opened anew. */
  get closedFor(): StoreFailed | undefined {
    return this.#isReadOnly ? undefined : this.#failure
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    await this.#rounds.begin(1)
    return this.#reading(() => this.#read(key))
  }

  async range(start: string, end: string, limit = -1): Promise<Item[]> {
    await this.#rounds.begin(limit < 0 ? RANGE_STEPS : 1)
    const items = await this.#reading(() => this.#range.all(start, end, limit) as unknown as Item[])
    this.#rounds.add(items.length / RANGE_ITEMS_A_STEP)
    return items
  }

  async lastUpTo(first: string, last: string): Promise<Item | undefined> {
    await this.#rounds.begin(1)
    return this.#reading(() => this.#lastUpTo.get(first, last) as unknown as Item | undefined)
  }

  async update<T>(
    key: string,
    change: (standing: Uint8Array | undefined) => Change<T>,
    lasting?: Lasting,
  ): Promise<T> {
    return await this.updateAll([key], ofOne(change), lasting)
  }

  async updateAll<T>(
    keys: readonly string[],
    change: (standing: readonly (Uint8Array | undefined)[]) => Changes<T>,
    lasting?: Lasting,
  ): Promise<T> {
    return await this.#writes.write(() => {
      const { changes, answer } = change(keys.map(key => this.#read(key)))
      for (const [index, key] of keys.entries()) {
        const { put, isRemoved } = changes[index] ?? {}
        if (put) this.#put.run(key, put)
        else if (isRemoved) this.#remove.run(key)
      }
      return answer
    }, lasting)
  }

  async removeRange(start: string, end: string): Promise<void> {
    await this.#writes.write(() => void this.#removeRange.run(start, end))
  }

  /** For rows beside the items. */
  get rows(): Rows {
    return {
      prepare: statement => this.#database.prepare(statement),
      read: async read => {
        await this.#rounds.begin(1)
        return await this.#reading(read)
      },
      write: (apply, lasting) => this.#writes.write(apply, lasting),
      writeAlong: along => this.#writes.writeAlong(along),
    }
  }

  /** Why nothing can be written now, as far as is known; looks whether another process that held it up gets on. */
  refusal(): NotApplied | StoreFailed | undefined {
    if (this.#failure) return this.#failure
    try {
      return this.#turns.refusal()
    } catch (error) {
      return asSqliteFailure(error, this.#path, 'could not be locked') as StoreFailed
    }
  }

  /** What SQLite finds wrong with the file, a line each. */
  async check(): Promise<string[]> {
    const pragma = `PRAGMA integrity_check(${PROBLEMS_MAX})`
    const told = await this.#reading(() => this.#database.prepare(pragma).all())
    // Several of them may come as the lines of one text, below the name of the database.
    const lines = told
      .flatMap(({ integrity_check: text }) => String(text).split('\n'))
      .filter(line => !line.startsWith('***'))
    return lines.length === 1 && lines[0] === 'ok' ? [] : lines
  }

  async close(): Promise<void> {
    await this.#writes.close()
    try {
      this.#database.close()
    } catch (error) {
      // Nothing that was acknowledged depends on it, and a disk that is gone lets nothing be closed.
      if (!isSqliteError(error)) throw error
    }
  }

  #read(key: string): Uint8Array | undefined {
    return this.#get.get(key)?.value as Uint8Array | undefined
  }

  #reading<T>(read: () => T): T | Promise<T> {
    if (this.#header.isTorn) return this.#readAgain(undefined, read)
    try {
      return read()
    } catch (error) {
      return this.#readAgain(error, read)
    }
  }

  /** A reader has to wait only while another process recovers the file. */
  async #readAgain<T>(first: unknown, read: () => T): Promise<T> {
    const untilMs = performance.now() + STORE_READ_MS_MAX
    let error = first
    while (isInTheWay(error) && performance.now() < untilMs) {
      if (isStalled(error)) this.#header.watch()
      await pauseForTurn()
      if (this.#header.isTorn) continue
      try {
        return read()
      } catch (next) {
        error = next
      }
    }
    if (error === undefined || isStalled(error)) throw this.trouble.failed(this.#turns.heldUp())
    throw await this.#noted(error, 'could not be read')
  }

  /** Writes an item as it is. */
  async #tryOut(): Promise<void> {
    this.#footing.check(false)
    const lasting = this.#damage ?? this.#failure
    if (lasting) throw lasting
    await checkRoom(dirname(this.#path)).catch(error => {
      throw asFileFailure(error, `the index ${this.#path} could not be written`)
    })
    await this.#writes.write(() => {
      const [first] = this.#range.all('', '\u{10ffff}', 1) as unknown as Item[]
      if (first) this.#put.run(first.key, first.value)
    })
  }

  /** Waits for this process's turn; tells the error where it does not come. */
  async #begin(isSynced: boolean): Promise<unknown> {
    if (this.#failure) return this.#failure
    try {
      if (this.#isSynced !== isSynced)
        this.#database.exec(`PRAGMA synchronous = ${isSynced ? 'FULL' : 'NORMAL'}`)
      this.#isSynced = isSynced
      await this.#turns.take(() => this.#footing.checkBefore())
      return undefined
    } catch (error) {
      if (this.#turns.isHeldUp) this.trouble.failed(error as Error)
      return await this.#noted(error, 'could not be locked')
    }
  }

  /** Tells why nothing is committed; undefined where all of it is. */
  #commit(apply: () => void): undefined | Promise<unknown> {
    let isUnsure = false
    try {
      apply()
      isUnsure = true
      this.#database.exec('COMMIT')
      // What was committed to a file whose name leads elsewhere by now is lost.
      this.#footing.checkAfter()
    } catch (error) {
      return this.#commitFailure(error, isUnsure)
    }
    if (!this.#damage) this.trouble.worked()
    return undefined
  }

  /** Tells what those are told whose writes could not be committed. The next transaction must not begin where it closes the index. */
  async #commitFailure(error: unknown, mayBeCommitted: boolean): Promise<unknown> {
    const isUnsure = mayBeCommitted && !isFullBeforeCommit(error)
    let isLast = isSqliteError(error) && (mayBeCommitted ? !isFull(error) : isDiskFailure(error))
    try {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
    } catch {
      // What SQLite now holds for true, nobody knows.
      isLast = true
    }
    if (!isLast) return await this.#noted(error, 'could not be written', isUnsure)
    this.#failure = this.trouble.failed(notWritable(this.#path, error as Error))
    return notWritable(this.#path, error as Error, isUnsure)
  }

  async #noted(error: unknown, doing: string, isUnsure = false): Promise<unknown> {
    const cause = isDamage(error) ? await this.#causeOf(error) : error
    const failure =
      cause === error
        ? asSqliteFailure(error, this.#path, doing, isUnsure)
        : asFileFailure(cause, `the index ${this.#path} ${doing}`, isUnsure)
    if (!(failure instanceof StoreFailed) || !isSqliteError(error)) return failure
    if (failure instanceof StoreDamaged) this.#damage = failure
    return this.trouble.failed(failure)
  }

  /** SQLite takes what a failing disk does not give it for damage of its own; the file system tells which it is. */
  async #causeOf(damage: unknown): Promise<unknown> {
    if (performance.now() < this.#readableUntilMs) return damage
    this.#unreadable ??= findUnreadable(['', '-wal'].map(suffix => `${this.#path}${suffix}`)).finally(() => {
      this.#unreadable = undefined
    })
    const unreadable = await this.#unreadable
    if (!unreadable) this.#readableUntilMs = performance.now() + READABLE_MS
    return unreadable ?? damage
  }
}

/** Whether another process is; undefined: it has not even been tried. */
function isInTheWay(error: unknown): boolean {
  return error === undefined || isBusy(error) || isStalled(error)
}

function notWritable(path: string, cause: Error, isUnsure = false): StoreFailed {
  return new StoreFailed(
    `the index ${path} could not be written (${cause.message}) and is closed to writing: see to the disk, then stop this ` +
      'broker and start it again',
    { cause, isUnsure },
  )
}
