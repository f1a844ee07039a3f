import { randomBytes } from 'node:crypto'
import {
  SMALL_OBJECT_BYTES_MAX,
  SMALL_OBJECT_MS_MAX,
  SMALL_OBJECTS_BYTES_MAX,
  SMALL_OBJECTS_CLOSE_MS_MAX,
  SMALL_OBJECTS_LEFT_MS,
} from '../../core/limits.ts'
import type { Position } from '../../core/numbers.ts'
import { ingestKey, parseIngestKey } from '../../core/storage-layout.ts'
import type { ObjectInfo } from '../../ports/object-store.ts'
import { IngestTables, type RowObject, type Rows } from './ingest-tables.ts'
import { mergeListings } from './merge-listings.ts'
import { listPacked } from './packed-listing.ts'
import { type PackFile, Packs } from './packs.ts'

/** How often it is looked which rows are old enough to leave. */
const LOOK_MS = 1_000
/** So many leave at the same time: what is committed meanwhile goes first. */
const MOVED_AT_ONCE = 16
/** Those that are removed in one transaction, which holds up everything else. */
const REMOVED_AT_ONCE = 100

/** The files under the keys of objects. Fails as an ObjectStore does. */
export interface PackFolder {
  /** Makes one, durable under its name. */
  make(key: string): Promise<Omit<PackFile, 'pack'>>
  read(key: string, position: number, bytes: number, into?: Uint8Array): Promise<Uint8Array | undefined>
  remove(key: string): Promise<void>
  /** What a write failed with, for who asked for it. */
  failure(error: unknown): Error
}

/**
 * The objects of commits and flushes. Each lies in a pack, a file that it shares with others; its place is a row of the index's
 * database. What commits name comes later into the same write-ahead log: one sync makes both durable, the place and what names it.
 *
 * A small one that comes alone is a row itself for its first seconds, with its bytes: then that one sync is all that its commit
 * takes. Then it goes into a pack, since what is written into the database is written twice.
 */
export class IngestObjects {
  readonly #rows: Rows
  readonly #tables: IngestTables
  readonly #folder: PackFolder
  readonly #packs: Packs
  /** Of the rows with bytes, as far as this process knows. */
  #bytes = 0
  /** What was put and is no row yet. */
  readonly #coming = new Set<string>()
  /** Those that this process has put, the oldest first. */
  readonly #own: { id: number | undefined; readonly dueMs: number }[] = []
  #hasBegun = false
  /** Packs that could not be looked after when they were closed, as on a full disk. */
  readonly #unended = new Set<number>()
  #timer: NodeJS.Timeout | undefined
  /** Whether one was put, or may have been, since the last look began. */
  #hasCome = false
  #moving: Promise<void> = Promise.resolve()
  #isClosed = false
  /** Until when rows leave; Infinity until the store is closed. */
  #untilMs = Number.POSITIVE_INFINITY

  constructor(rows: Rows, folder: PackFolder) {
    this.#rows = rows
    this.#tables = new IngestTables(rows)
    this.#folder = folder
    this.#packs = new Packs(
      epoch => this.#beginPack(epoch),
      ({ pack }) => this.#endPack(pack),
    )
  }

  /** Whether an object of this key is one of those. */
  static takes(key: string): boolean {
    return parseIngestKey(key) !== undefined
  }

  /** Sees to those that are there: a process that is gone may have left them. */
  start(): void {
    if (this.#timer || this.#isClosed) return
    this.#timer = setTimeout(() => {
      this.#hasCome = false
      this.#moving = this.#move(now => this.#due(now)).then(isDone => {
        this.#timer = undefined
        if (!isDone || this.#hasCome) this.start()
      })
    }, LOOK_MS)
    this.#timer.unref()
  }

  /** As ObjectStore's. */
  async put(key: string, chunks: readonly Uint8Array[], isNamedNext: boolean): Promise<void> {
    const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
    if (this.#isForRow(bytes)) this.#putRow(key, chunks, bytes)
    else await this.#putPacked(key, chunks)
    if (!isNamedNext) await this.#rows.write(() => {}, 'in order')
  }

  /** What is too much is not written twice; nor does what has company gain anything, since it shares its sync. */
  #isForRow(bytes: number): boolean {
    // SQLite would have no bytes for nothing at all.
    if (bytes === 0 || bytes > SMALL_OBJECT_BYTES_MAX) return false
    return this.#bytes + bytes <= SMALL_OBJECTS_BYTES_MAX && !this.#packs.isBusy
  }

  #putRow(key: string, chunks: readonly Uint8Array[], bytes: number): void {
    // A copy: it is written a little later.
    const value = Buffer.concat(chunks, bytes)
    const own = this.#ownRow(bytes)
    this.#writeAlong(key, () => {
      own.id = this.#tables.put(key, value, Date.now())
    })
  }

  async #putPacked(key: string, chunks: readonly Uint8Array[]): Promise<void> {
    const place = await this.#append(parseIngestKey(key)!.epoch, chunks)
    this.#writeAlong(key, () => {
      if (this.#tables.putPacked(key, place, Date.now())) return
      // Another process has found nothing in the pack, and removed it.
      void this.#packs.end(place.pack)
      this.#ownRow(place.bytes).id = this.#tables.put(key, Buffer.concat(chunks), Date.now())
    })
  }

  /** What names the object comes later, and not without it. */
  #writeAlong(key: string, apply: () => void): void {
    this.#coming.add(key)
    this.#rows.writeAlong({ apply, done: () => void this.#coming.delete(key) })
  }

  /** For one that is about to be a row. */
  #ownRow(bytes: number): { id?: number | undefined } {
    const own = { id: undefined, dueMs: performance.now() + SMALL_OBJECT_MS_MAX }
    this.#bytes += bytes
    this.#own.push(own)
    // Where it fails, too: the next look tells what there really is.
    this.#hasCome = true
    this.start()
    return own
  }

  /** Has those be there that were put. */
  async #settle(keys: readonly string[]): Promise<void> {
    // Where that fails, nothing names them, and nothing will.
    if (keys.some(key => this.#coming.has(key))) await this.#rows.write(() => {}, 'in order').catch(() => {})
  }

  async #append(epoch: number, chunks: readonly Uint8Array[]) {
    try {
      return await this.#packs.append(epoch, chunks)
    } catch (error) {
      throw this.#folder.failure(error)
    }
  }

  /** As ObjectStore's. */
  async get(
    key: string,
    position: Position,
    bytes: number,
    into?: Uint8Array,
  ): Promise<Uint8Array | undefined> {
    await this.#settle([key])
    const found = await this.#rows.read(() => this.#tables.find(key, position, bytes))
    if (!found) return undefined
    if ('packKey' in found) {
      const left = Math.min(bytes, Math.max(0, found.bytes - position))
      return await this.#folder.read(found.packKey, found.position + position, left, into)
    }
    if (!into) return found.value
    into.set(found.value)
    return into.subarray(0, found.value.length)
  }

  /** Those whose keys begin so and sort below `below`, in their order. */
  async *list(prefix: string, below: string | undefined): AsyncGenerator<ObjectInfo> {
    // Files can be listed as long as they are there, the rows of a database that is closed cannot.
    if (this.#isClosed) return
    await this.#settle([...this.#coming])
    // First the rows, which may leave meanwhile, so that each is in one of the two.
    const rows = await this.#rows.read(() => this.#tables.list(prefix, below))
    yield* mergeListings(rows, listPacked(this.#rows, this.#tables, prefix, below))
  }

  /** Whether the file of this key is none of an object, but of several. */
  async isPack(key: string): Promise<boolean> {
    return !this.#isClosed && (await this.#rows.read(() => this.#tables.isPack(key)))
  }

  async remove(keys: readonly string[]): Promise<void> {
    const mayBe = keys.filter(IngestObjects.takes)
    await this.#settle(mayBe)
    for (let first = 0; first < mayBe.length; first += REMOVED_AT_ONCE) {
      const some = mayBe.slice(first, first + REMOVED_AT_ONCE)
      const here = await this.#rows.read(() => some.filter(key => this.#tables.has(key)))
      if (here.length === 0) continue
      // At once: else they would be back after a power failure, and nobody would look for them again.
      const empty = await this.#rows.write(() => this.#tables.remove(here), 'at once')
      for (const { pack, key } of empty) {
        await this.#packs.end(pack)
        await this.#folder.remove(key)
      }
    }
  }

  /** Has all rows leave, as far as that can be done in a while: who opens the store next goes on. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#untilMs = performance.now() + SMALL_OBJECTS_CLOSE_MS_MAX
    clearTimeout(this.#timer)
    await this.#moving
    await this.#settle([...this.#coming])
    await this.#move(() => this.#tables.due(Number.MAX_SAFE_INTEGER, 0, MOVED_AT_ONCE))
    await this.#packs.close()
  }

  /** Has rows leave that are due. Tells whether none is left; what failed stays, and those who put objects know why. */
  async #move(due: (nowMs: number) => RowObject[]): Promise<boolean> {
    try {
      while (performance.now() < this.#untilMs && (await this.#moveSome(due))) {}
      this.#bytes = await this.#rows.read(() => this.#tables.sumBytes())
      return this.#bytes === 0
    } catch {
      return false
    }
  }

  /** Tells whether there may be more. */
  async #moveSome(due: (nowMs: number) => RowObject[]): Promise<boolean> {
    const rows = await this.#rows.read(() => due(Date.now()))
    if (rows.length === 0) return false
    const moves = await Promise.all(
      rows.map(async row => ({
        row,
        place: await this.#append(parseIngestKey(row.key)!.epoch, [row.value]),
      })),
    )
    const refused = await this.#rows.write(
      () => moves.filter(({ row, place }) => !this.#tables.move(row, place, Date.now())),
      'in order',
    )
    for (const { place } of refused) await this.#packs.end(place.pack)
    return refused.length < rows.length
  }

  /** Those of this process that are old enough, then those that one which is gone must have left: two must not both move them. */
  #due(nowMs: number): RowObject[] {
    const due: RowObject[] = []
    const untilMs = performance.now()
    while (due.length < MOVED_AT_ONCE && this.#own[0] && this.#own[0].dueMs <= untilMs) {
      const { id } = this.#own.shift()!
      const row = id === undefined ? undefined : this.#tables.row(id)
      if (row) due.push(row)
    }
    if (due.length > 0) return due
    return this.#tables.due(nowMs - SMALL_OBJECTS_LEFT_MS, nowMs + SMALL_OBJECT_MS_MAX, MOVED_AT_ONCE)
  }

  async #beginPack(epoch: number): Promise<PackFile> {
    const key = ingestKey({ epoch, object: randomBytes(16).toString('hex') })
    // What a crash has left without objects goes with the first that is made.
    const isFirst = !this.#hasBegun
    this.#hasBegun = true
    for (const pack of [...this.#unended]) await this.#endPack(pack)
    const { pack, empty } = await this.#rows.write(() => {
      const nowMs = Date.now()
      const empty = isFirst ? this.#tables.endEmptyPacks(nowMs - SMALL_OBJECTS_LEFT_MS) : []
      return { pack: this.#tables.beginPack(key, nowMs), empty }
    }, 'in order')
    for (const each of empty) await this.#folder.remove(each)
    try {
      return { pack, ...(await this.#folder.make(key)) }
    } catch (error) {
      await this.#endPack(pack).catch(() => {})
      throw error
    }
  }

  /** If it has no objects. */
  async #endPack(pack: number): Promise<void> {
    this.#unended.add(pack)
    const key = await this.#rows.write(() => this.#tables.endPack(pack), 'in order')
    this.#unended.delete(pack)
    if (key !== undefined) await this.#folder.remove(key)
  }
}
