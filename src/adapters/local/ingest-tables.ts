import type { StatementSync } from 'node:sqlite'
import { compareKeys } from '../../core/key-order.ts'
import { ingestKey, parseIngestKey } from '../../core/storage-layout.ts'
import type { ObjectInfo } from '../../ports/object-store.ts'
import type { Lasting } from '../items/items.ts'
import type { Along } from './write-loop.ts'

/** So many of those in packs are listed at a time. */
const PACKED_A_PAGE = 1_000

/** Beside the table of items. The bytes last: what is looked for by age is looked for without them. */
export const INGEST_TABLES: readonly string[] = [
  'CREATE TABLE IF NOT EXISTS objects (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, madeMs INTEGER NOT NULL, value BLOB NOT NULL)',
  'CREATE TABLE IF NOT EXISTS packs (id INTEGER PRIMARY KEY AUTOINCREMENT, epoch INTEGER NOT NULL, object BLOB NOT NULL UNIQUE, objects INTEGER NOT NULL, madeMs INTEGER NOT NULL)',
  'CREATE TABLE IF NOT EXISTS packed (epoch INTEGER NOT NULL, object BLOB NOT NULL, pack INTEGER NOT NULL, position INTEGER NOT NULL, bytes INTEGER NOT NULL, madeMs INTEGER NOT NULL, PRIMARY KEY (epoch, object)) WITHOUT ROWID',
]

/** The database of the index, for rows beside its items. Fails as Items do. */
export interface Rows {
  /** @throws SQLite's own error */
  prepare(statement: string): StatementSync
  read<T>(read: () => T): Promise<T>
  write<T>(apply: () => T, lasting: Lasting): Promise<T>
  writeAlong(along: Along): void
}

/** Where an object lies in a file that it shares with others. */
export interface PackedPlace {
  readonly pack: number
  readonly position: number
  readonly bytes: number
}

/** What is known of an object: those of its bytes that were asked for, or where all of them are. */
export type Found =
  | { readonly value: Uint8Array }
  | { readonly packKey: string; readonly position: number; readonly bytes: number }

/** An ingest object's epoch and its id, in bytes: these sort as keys do, but for epoch 0, whose keys sort behind all others. */
export type IngestId = readonly [epoch: number, object: Uint8Array]

/** An object that is a row. */
export interface RowObject {
  readonly id: number
  readonly key: string
  readonly value: Uint8Array
}

/**
 * The tables of what commits and flushes have put: `objects` with bytes, `packed` with places in files, `packs` with those files and
 * how many objects each still has. All of it is to be called within what `Rows` reads or writes. Whoever only reads an older
 * store makes no tables, and finds nothing in those that are not there.
 *
 * A pack has its row before it has its file, and loses it with its last object, in one step. So whoever puts an object into a
 * pack that another process has just found empty is told so; and a file without a row is nobody's pack.
 */
export class IngestTables {
  readonly #rows: Rows
  #preparedRows: ReturnType<typeof prepareRows> | undefined
  #preparedPacks: ReturnType<typeof preparePacks> | undefined

  constructor(rows: Rows) {
    this.#rows = rows
  }

  find(key: string, position: number, bytes: number): Found | undefined {
    // In this order: it goes from the first to the second. SQLite counts from 1.
    const value = this.#small()?.get.get(position + 1, bytes, key)?.value
    if (value) return { value: value as Uint8Array }
    const place = this.#packs()?.place.get(...idOf(key))
    if (!place) return undefined
    const packKey = keyOf(place.packEpoch, place.packObject)
    return { packKey, position: place.position as number, bytes: place.bytes as number }
  }

  has(key: string): boolean {
    return (this.#small()?.has.get(key) ?? this.#packs()?.place.get(...idOf(key))) !== undefined
  }

  /** A row with these bytes, of which there must be some. Tells its number; undefined where it is one already. */
  put(key: string, value: Uint8Array, nowMs: number): number | undefined {
    const { changes, lastInsertRowid } = this.#small()!.put.run(key, nowMs, value)
    return changes === 0 ? undefined : Number(lastInsertRowid)
  }

  /** Begins a pack, without objects. */
  beginPack(key: string, nowMs: number): number {
    return Number(this.#packs()!.begin.run(...idOf(key), nowMs).lastInsertRowid)
  }

  /** Tells whether its pack is still one; else nothing is done. */
  putPacked(key: string, { pack, position, bytes }: PackedPlace, nowMs: number): boolean {
    const packs = this.#packs()!
    if (!packs.isThere.get(pack)) return false
    if (packs.put.run(...idOf(key), pack, position, bytes, nowMs).changes > 0) packs.count.run(1, pack)
    return true
  }

  /** Has an object that is a row lie in a pack instead, unless it has gone. Tells whether its pack is still one. */
  move({ id, key }: RowObject, place: PackedPlace, nowMs: number): boolean {
    // By its key as well: another process may have moved it before, and SQLite gives the next row its number.
    if (!this.#small()!.isRow.get(id, key)) return true
    if (!this.putPacked(key, place, nowMs)) return false
    this.#small()!.remove.run(key)
    return true
  }

  /** Tells the packs in which nothing is left, which are none any more. */
  remove(keys: readonly string[]): { pack: number; key: string }[] {
    const packs = this.#packs()!
    const fewer = new Map<number, number>()
    for (const key of keys) {
      this.#small()!.remove.run(key)
      const pack = packs.remove.get(...idOf(key))?.pack as number | undefined
      if (pack !== undefined) fewer.set(pack, (fewer.get(pack) ?? 0) + 1)
    }
    const ended: { pack: number; key: string }[] = []
    for (const [pack, count] of fewer) {
      packs.count.run(-count, pack)
      const key = this.endPack(pack)
      if (key !== undefined) ended.push({ pack, key })
    }
    return ended
  }

  /** Has a pack without objects be none any more, and tells its key. */
  endPack(pack: number): string | undefined {
    const gone = this.#packs()!.end.get(pack)
    return gone && keyOf(gone.epoch, gone.object)
  }

  /** The same with all that were begun before then: whoever still has one open begins another. */
  endEmptyPacks(untilMs: number): string[] {
    return this.#packs()!
      .endEmpty.all(untilMs)
      .map(({ epoch, object }) => keyOf(epoch, object))
  }

  isPack(key: string): boolean {
    return this.#packs()?.isPack.get(idOf(key)[1]) !== undefined
  }

  /** One by its number. */
  row(id: number): RowObject | undefined {
    return this.#small()?.row.get(id) as RowObject | undefined
  }

  /** The oldest rows that were made until then, or in the future: by a clock that was wrong, and they must not stay for ever. */
  due(untilMs: number, futureMs: number, limit: number): RowObject[] {
    return (this.#small()?.due.all(untilMs, futureMs, limit) ?? []) as unknown as RowObject[]
  }

  /** Of all rows. */
  sumBytes(): number {
    return (this.#small()?.sum.get()?.bytes as number | undefined) ?? 0
  }

  /** Rows whose keys begin so and sort below `below`, in their order. */
  list(prefix: string, below: string | undefined): ObjectInfo[] {
    const found = (this.#small()?.list.all(prefix) ?? []) as unknown as ObjectInfo[]
    return found.filter(
      ({ key }) => key.startsWith(prefix) && (below === undefined || compareKeys(key, below) < 0),
    )
  }

  /** Those in packs behind this one, up to the end of the last epoch. */
  pageOfPacked(after: IngestId, lastEpoch: number): { id: IngestId; info: ObjectInfo }[] {
    const rows = this.#packs()?.page.all(...after, lastEpoch, PACKED_A_PAGE) ?? []
    return rows.map(({ epoch, object, bytes, madeMs }) => ({
      id: [epoch as number, object as Uint8Array],
      info: { key: keyOf(epoch, object), bytes: bytes as number, modifiedMs: madeMs as number },
    }))
  }

  #small() {
    if (!this.#preparedRows && this.#hasTable('objects')) this.#preparedRows = prepareRows(this.#rows)
    return this.#preparedRows
  }

  #packs() {
    if (!this.#preparedPacks && this.#hasTable('packed')) this.#preparedPacks = preparePacks(this.#rows)
    return this.#preparedPacks
  }

  #hasTable(name: string): boolean {
    const find = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return this.#rows.prepare(find).get(name) !== undefined
  }
}

function idOf(key: string): IngestId {
  const { epoch, object } = parseIngestKey(key)!
  return [epoch, Buffer.from(object, 'hex')]
}

function keyOf(epoch: unknown, object: unknown): string {
  return ingestKey({ epoch: epoch as number, object: Buffer.from(object as Uint8Array).toString('hex') })
}

function prepareRows({ prepare }: Rows) {
  return {
    get: prepare('SELECT substr(value, ?, ?) AS value FROM objects WHERE key = ?'),
    has: prepare('SELECT 1 FROM objects WHERE key = ?'),
    isRow: prepare('SELECT 1 FROM objects WHERE id = ? AND key = ?'),
    row: prepare('SELECT id, key, value FROM objects WHERE id = ?'),
    put: prepare('INSERT INTO objects (key, madeMs, value) VALUES (?, ?, ?) ON CONFLICT (key) DO NOTHING'),
    remove: prepare('DELETE FROM objects WHERE key = ?'),
    due: prepare('SELECT id, key, value FROM objects WHERE madeMs <= ? OR madeMs > ? ORDER BY id LIMIT ?'),
    sum: prepare('SELECT coalesce(sum(length(value)), 0) AS bytes FROM objects'),
    list: prepare(
      'SELECT key, length(value) AS bytes, madeMs AS modifiedMs FROM objects WHERE key >= ? ORDER BY key',
    ),
  }
}

function preparePacks({ prepare }: Rows) {
  return {
    place: prepare(
      'SELECT position, bytes, packs.epoch AS packEpoch, packs.object AS packObject FROM packed JOIN packs ON packs.id = pack ' +
        'WHERE packed.epoch = ? AND packed.object = ?',
    ),
    put: prepare(
      'INSERT INTO packed (epoch, object, pack, position, bytes, madeMs) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
    ),
    remove: prepare('DELETE FROM packed WHERE epoch = ? AND object = ? RETURNING pack'),
    begin: prepare('INSERT INTO packs (epoch, object, objects, madeMs) VALUES (?, ?, 0, ?)'),
    isThere: prepare('SELECT 1 FROM packs WHERE id = ?'),
    isPack: prepare('SELECT 1 FROM packs WHERE object = ?'),
    count: prepare('UPDATE packs SET objects = objects + ? WHERE id = ?'),
    end: prepare('DELETE FROM packs WHERE id = ? AND objects = 0 RETURNING epoch, object'),
    endEmpty: prepare('DELETE FROM packs WHERE objects = 0 AND madeMs < ? RETURNING epoch, object'),
    page: prepare(
      'SELECT epoch, object, bytes, madeMs FROM packed WHERE (epoch, object) > (?, ?) AND epoch <= ? ORDER BY epoch, object LIMIT ?',
    ),
  }
}
