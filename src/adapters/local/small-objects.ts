import type { StatementSync } from 'node:sqlite'
import {
  SMALL_OBJECT_BYTES_MAX,
  SMALL_OBJECT_MS_MAX,
  SMALL_OBJECTS_BYTES_MAX,
  SMALL_OBJECTS_CLOSE_MS_MAX,
} from '../../core/limits.ts'
import type { Position } from '../../core/numbers.ts'
import { parseIngestKey } from '../../core/storage-layout.ts'
import type { ObjectInfo } from '../../ports/object-store.ts'
import type { Lasting } from '../items/items.ts'

/** How often it is looked which of them are old enough to become files. */
const LOOK_MS = 1_000
/** So many become files at the same time: what is committed meanwhile goes first. */
const MOVED_AT_ONCE = 8

/** The database of the index, for rows beside its items. Fails as Items do. */
export interface Rows {
  /** @throws SQLite's own error */
  prepare(statement: string): StatementSync
  read<T>(read: () => T): Promise<T>
  write<T>(apply: () => T, lasting: Lasting): Promise<T>
}

interface Statements {
  readonly get: StatementSync
  readonly has: StatementSync
  readonly list: StatementSync
  readonly put: StatementSync
  readonly remove: StatementSync
  readonly moved: StatementSync
  readonly due: StatementSync
  readonly sum: StatementSync
}

/**
 * Small objects of commits and flushes, as rows of the index's database for their first seconds. What the index says of one comes
 * later, into the same write-ahead log: one sync makes both durable, where a file takes two of its own. Then they become files,
 * beside all that, since what is in the database is lost with it.
 *
 * An object is a row, or a file, or for a moment both. It only ever goes from the first to the second, so whoever looks in this
 * order finds it.
 */
export class SmallObjects {
  readonly #rows: Rows
  readonly #toFile: (key: string, bytes: Uint8Array) => Promise<void>
  #prepared: Statements | undefined
  /** Of the rows, as far as this process knows. */
  #bytes = 0
  #timer: NodeJS.Timeout | undefined
  /** Whether one was put, or may have been, since the last look began. */
  #hasCome = false
  #moving: Promise<void> = Promise.resolve()
  #isClosed = false
  /** Until when files are made of them; Infinity until the store is closed. */
  #untilMs = Number.POSITIVE_INFINITY

  /** @param toFile puts it as a file, durably */
  constructor(rows: Rows, toFile: (key: string, bytes: Uint8Array) => Promise<void>) {
    this.#rows = rows
    this.#toFile = toFile
  }

  /** Sees to those that are there: a process that is gone may have left them. */
  start(): void {
    if (this.#timer || this.#isClosed) return
    this.#timer = setTimeout(() => {
      this.#hasCome = false
      this.#moving = this.#move(SMALL_OBJECT_MS_MAX).then(isDone => {
        this.#timer = undefined
        if (!isDone || this.#hasCome) this.start()
      })
    }, LOOK_MS)
    this.#timer.unref()
  }

  /** Whether an object is put here; what is too much becomes a file at once. */
  takes(key: string, bytes: number): boolean {
    // SQLite would have no bytes for nothing at all.
    if (bytes === 0) return false
    const hasRoom = bytes <= SMALL_OBJECT_BYTES_MAX && this.#bytes + bytes <= SMALL_OBJECTS_BYTES_MAX
    return hasRoom && mayBeHere(key)
  }

  async put(key: string, chunks: readonly Uint8Array[]): Promise<void> {
    const bytes = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
    this.#bytes += bytes.length
    try {
      await this.#rows.write(() => void this.#statements()!.put.run(key, Date.now(), bytes), 'in order')
    } finally {
      // Where it failed, too: the next look tells what there really is.
      this.#hasCome = true
      this.start()
    }
  }

  /** As ObjectStore's. */
  async get(
    key: string,
    position: Position,
    bytes: number,
    into?: Uint8Array,
  ): Promise<Uint8Array | undefined> {
    if (!mayBeHere(key)) return undefined
    // SQLite counts from 1.
    const row = await this.#rows.read(() => this.#statements()?.get.get(position + 1, bytes, key))
    const found = row?.value as Uint8Array | undefined
    if (!into || !found) return found
    into.set(found)
    return into.subarray(0, found.length)
  }

  /** Those whose keys begin so, in their order. */
  async list(prefix: string): Promise<ObjectInfo[]> {
    // Files can be listed as long as they are there, the rows of a database that is closed cannot.
    if (this.#isClosed) return []
    const rows = await this.#rows.read(() => this.#statements()?.list.all(prefix) ?? [])
    const found = rows as unknown as ObjectInfo[]
    return found.filter(({ key }) => key.startsWith(prefix))
  }

  async remove(keys: readonly string[]): Promise<void> {
    const mayBe = keys.filter(mayBeHere)
    const here = await this.#rows.read(() =>
      mayBe.filter(key => this.#statements()?.has.get(key) !== undefined),
    )
    if (here.length === 0) return
    // At once: else it would be back after a power failure, and nobody would look for it again.
    await this.#rows.write(() => {
      for (const key of here) this.#statements()!.remove.run(key)
    }, 'at once')
  }

  /** Makes files of all of them, as far as that can be done in a while: who opens the store next goes on. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#untilMs = performance.now() + SMALL_OBJECTS_CLOSE_MS_MAX
    clearTimeout(this.#timer)
    await this.#moving
    await this.#move(0)
  }

  /** Makes files of those of this age. Tells whether no row is left; what failed stays, and those who put files know why. */
  async #move(ageMs: number): Promise<boolean> {
    try {
      while (performance.now() < this.#untilMs && (await this.#moveSome(ageMs))) {}
      const row = await this.#rows.read(() => this.#statements()?.sum.get())
      this.#bytes = (row?.bytes as number | undefined) ?? 0
      return this.#bytes === 0
    } catch {
      return false
    }
  }

  /** Tells whether there may be more. */
  async #moveSome(ageMs: number): Promise<boolean> {
    const nowMs = Date.now()
    // One from the future comes from a clock that was wrong, and must not stay for ever.
    const bounds = [nowMs - ageMs, nowMs + SMALL_OBJECT_MS_MAX, MOVED_AT_ONCE]
    const rows = await this.#rows.read(() => this.#statements()?.due.all(...bounds) ?? [])
    if (rows.length === 0) return false
    await Promise.all(rows.map(({ key, value }) => this.#toFile(key as string, value as Uint8Array)))
    await this.#rows.write(() => {
      for (const { id, key } of rows) this.#statements()!.moved.run(id!, key!)
    }, 'in order')
    return rows.length === MOVED_AT_ONCE
  }

  /** Undefined while there is no table: whoever only reads an older store makes none. */
  #statements(): Statements | undefined {
    this.#prepared ??= prepare(this.#rows)
    return this.#prepared
  }
}

/** Only what a commit or a flush has put: what settles does so once and for long, in larger objects. */
function mayBeHere(key: string): boolean {
  return parseIngestKey(key) !== undefined
}

function prepare(rows: Rows): Statements | undefined {
  const table = rows.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'objects'").get()
  if (!table) return undefined
  return {
    get: rows.prepare('SELECT substr(value, ?, ?) AS value FROM objects WHERE key = ?'),
    has: rows.prepare('SELECT 1 FROM objects WHERE key = ?'),
    list: rows.prepare(
      'SELECT key, length(value) AS bytes, madeMs AS modifiedMs FROM objects WHERE key >= ? ORDER BY key',
    ),
    put: rows.prepare(
      'INSERT INTO objects (key, madeMs, value) VALUES (?, ?, ?) ON CONFLICT (key) DO NOTHING',
    ),
    remove: rows.prepare('DELETE FROM objects WHERE key = ?'),
    // By its key as well: another process may have made a file of it before, and SQLite gives the next row its number.
    moved: rows.prepare('DELETE FROM objects WHERE id = ? AND key = ?'),
    due: rows.prepare(
      'SELECT id, key, value FROM objects WHERE madeMs <= ? OR madeMs > ? ORDER BY id LIMIT ?',
    ),
    sum: rows.prepare('SELECT coalesce(sum(length(value)), 0) AS bytes FROM objects'),
  }
}
