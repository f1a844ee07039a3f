import { spawn } from 'node:child_process'
import crypto from 'node:crypto'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { appendFile, type FileHandle, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, join, relative } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { IngestObjects, type PackFolder } from '../../../src/adapters/local/ingest-objects.ts'
import type { Rows } from '../../../src/adapters/local/ingest-tables.ts'
import { type LocalStore, openLocalStore } from '../../../src/adapters/local/local-store.ts'
import { mergeListings } from '../../../src/adapters/local/merge-listings.ts'
import { PACK_BYTES_MAX, SMALL_OBJECT_BYTES_MAX, SMALL_OBJECTS_BYTES_MAX } from '../../../src/core/limits.ts'
import { toOffset, toPosition } from '../../../src/core/numbers.ts'
import { ingestKey, logObjectKey, parseIngestKey, segmentKey } from '../../../src/core/storage-layout.ts'
import { StoreFailed } from '../../../src/ports/outcome.ts'
import { freshId, freshPartition, inlineEntry } from '../../conformance/samples.ts'

const WORKER = fileURLToPath(new URL('ingest-objects-worker.ts', import.meta.url))

let directory: string
let store: LocalStore

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tidemark-small-'))
  store = await openLocalStore(directory)
})
afterEach(async () => {
  await store.close()
  await rm(directory, { recursive: true, force: true })
})

const keyIn = (epoch: number) => ingestKey({ epoch, object: freshId() })
const LARGE = Buffer.alloc(SMALL_OBJECT_BYTES_MAX + 1, 'large')
const read = async (key: string, from = 0, bytes = 1_000_000, of = store) => {
  const found = await of.objects.get(key, toPosition(from), bytes)
  return found && Buffer.from(found).toString()
}
const listed = async (prefix?: string, below?: string, of = store) => {
  const keys: string[] = []
  for await (const { key } of of.objects.list(prefix, below)) keys.push(key)
  return keys
}
const files = async () =>
  (await readdir(join(directory, 'objects'), { recursive: true, withFileTypes: true }))
    .filter(entry => entry.isFile() && entry.name !== 'format.json')
    .map(entry => relative(join(directory, 'objects'), join(entry.parentPath, entry.name)))
/** What the index's database has, without a process that works on it. */
const look = <T>(use: (database: DatabaseSync) => T): T => {
  const database = new DatabaseSync(join(directory, 'index', 'index.sqlite'))
  try {
    return use(database)
  } finally {
    database.close()
  }
}
const count = (table: string) =>
  look(database => database.prepare(`SELECT count(*) AS rows FROM ${table}`).get()!.rows as number)
const rowsOf = (database: DatabaseSync, changes: Partial<Rows> = {}): Rows => ({
  prepare: statement => database.prepare(statement),
  read: async look => look(),
  write: async apply => apply(),
  writeAlong: ({ apply, done }) => {
    apply()
    done()
  },
  ...changes,
})
/** Files that are none. */
const folderOf = (changes: Partial<PackFolder> = {}): PackFolder => ({
  make: async () => ({ handle: NO_FILE, isStill: () => true }),
  read: async () => undefined,
  remove: async () => {},
  failure: error => error as Error,
  ...changes,
})
const NO_FILE = {
  writev: async (chunks: readonly Uint8Array[]) => ({ bytesWritten: Buffer.concat(chunks).length }),
  datasync: async () => {},
  close: async () => {},
} as unknown as FileHandle

describe('a small object of a commit', () => {
  test('is no file at first, and lies in one once the store was closed', async () => {
    const key = keyIn(1)
    await store.objects.put(key, [Buffer.from('the '), Buffer.from('tide')])
    expect(await files()).toEqual([])
    expect(await read(key)).toBe('the tide')
    expect(await read(key, 4, 2)).toBe('ti')
    expect(await read(key, 100, 2)).toBe('')
    expect(await read(keyIn(1))).toBeUndefined()
    await store.close()
    store = await openLocalStore(directory)
    expect(count('objects')).toBe(0)
    expect(await files()).toHaveLength(1)
    expect(await read(key)).toBe('the tide')
    expect(await read(key, 4, 2)).toBe('ti')
    expect(await read(key, 100, 2)).toBe('')
    expect(await listed()).toEqual([key])
  })

  test('is read into memory that is given, from wherever it is', async () => {
    const key = keyIn(1)
    await store.objects.put(key, [Buffer.from('the tide')])
    for (let times = 0; times < 2; times += 1) {
      const into = Buffer.alloc(20, '-')
      const found = await store.objects.get(key, toPosition(4), 16, into)
      expect(found?.buffer).toBe(into.buffer)
      expect(Buffer.from(found!).toString()).toBe('tide')
      await store.close()
      store = await openLocalStore(directory)
    }
  })

  test('is read by who only reads, in another process as well', async () => {
    const [small, large] = [keyIn(1), keyIn(1)]
    await store.objects.put(small, [Buffer.from('tide')])
    await store.objects.put(large, [LARGE])
    const reader = await openLocalStore(directory, 'read')
    expect(await read(small, 0, 9, reader)).toBe('tide')
    expect(await read(large, 0, 5, reader)).toBe('large')
    expect(await listed('', undefined, reader)).toEqual([small, large].toSorted())
    await reader.close()
    expect(count('objects')).toBe(1)
  })

  test('leaves the rows by itself after a while, and is there all the time', {
    timeout: 60_000,
  }, async () => {
    const keys = Array.from({ length: 40 }, () => keyIn(2)).toSorted()
    for (const key of keys) await store.objects.put(key, [Buffer.from(key)])
    expect(count('objects')).toBe(keys.length)
    while (count('objects') > 0) {
      for (const key of keys) expect(await read(key)).toBe(key)
      expect(await listed()).toEqual(keys)
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    for (const key of keys) expect(await read(key)).toBe(key)
    expect(await listed()).toEqual(keys)
    expect((await files()).length).toBeLessThanOrEqual(2)
  })

  test('is removed for good, from wherever it is', async () => {
    const keys = Array.from({ length: 5 }, () => keyIn(1))
    for (const key of keys) await store.objects.put(key, [Buffer.from('tide')])
    await store.objects.remove(keys[0]!)
    await store.objects.removeAll(keys.slice(1, 3))
    expect(await listed()).toEqual(keys.slice(3).toSorted())
    expect(await read(keys[0]!)).toBeUndefined()
    await store.close()
    store = await openLocalStore(directory)
    expect(await listed()).toEqual(keys.slice(3).toSorted())
    await store.objects.removeAll(keys)
    expect(await listed()).toEqual([])
    expect(await files()).toEqual([])
  })

  test('may be put again, as a row and when it is none any more', async () => {
    const key = keyIn(1)
    for (let times = 0; times < 2; times += 1) await store.objects.put(key, [Buffer.from('tide')])
    for (let times = 0; times < 2; times += 1) {
      await store.close()
      store = await openLocalStore(directory)
      await store.objects.put(key, [Buffer.from('tide')])
      expect(await listed()).toEqual([key])
      expect(await read(key)).toBe('tide')
    }
    await store.objects.removeAll([key])
    expect(await listed()).toEqual([])
    await store.close()
    store = await openLocalStore(directory)
    expect(await files()).toEqual([])
  })
})

test('what is large, or settles, or is nothing at all, is no row', async () => {
  const log = logObjectKey(freshPartition(), toOffset(0), freshId())
  const [large, none] = [keyIn(1), keyIn(1)]
  await store.objects.put(large, [LARGE])
  await store.objects.put(log, [Buffer.from('tide')])
  await store.objects.put(none, [])
  expect(count('objects')).toBe(0)
  expect(await read(none)).toBe('')
  expect(await read(log)).toBe('tide')
  await store.objects.put(keyIn(1), [Buffer.alloc(SMALL_OBJECT_BYTES_MAX)])
  expect(count('objects')).toBe(1)
})

test('there are only so many bytes of rows', { timeout: 60_000 }, async () => {
  const bytes = Buffer.alloc(SMALL_OBJECT_BYTES_MAX)
  for (let put = 0; put < SMALL_OBJECTS_BYTES_MAX; put += bytes.length)
    await store.objects.put(keyIn(1), [bytes])
  const before = count('objects')
  // Should the machine be so slow that some have left already, others have come in their place.
  expect(before * bytes.length).toBeLessThanOrEqual(SMALL_OBJECTS_BYTES_MAX)
  const keys = Array.from({ length: 3 }, () => segmentKey(freshId()))
  for (const key of keys) await store.objects.put(key, [bytes])
  expect(count('objects') * bytes.length).toBeLessThanOrEqual(SMALL_OBJECTS_BYTES_MAX)
  for (const key of keys)
    expect((await store.objects.get(key, toPosition(0), bytes.length))?.length).toBe(bytes.length)
})

describe('objects that lie in one file', () => {
  test('are each read as if they were alone', async () => {
    const keys = Array.from({ length: 30 }, () => keyIn(3)).toSorted()
    await Promise.all(keys.map(key => store.objects.put(key, [Buffer.from(key), LARGE])))
    expect((await files()).length).toBeLessThanOrEqual(2)
    expect(await listed()).toEqual(keys)
    for (const key of keys) {
      expect(await read(key, 0, key.length)).toBe(key)
      expect(await read(key, key.length + LARGE.length - 3, 100)).toHaveLength(3)
      expect(await read(key, key.length + LARGE.length, 100)).toBe('')
      expect(await read(key, 2 ** 40, 100)).toBe('')
    }
    const sizes: number[] = []
    for await (const { bytes } of store.objects.list()) sizes.push(bytes)
    expect(sizes).toEqual(keys.map(key => key.length + LARGE.length))
  })

  test('keep it as long as one of them is left, and then it goes with its folders', async () => {
    const keys = Array.from({ length: 4 }, () => keyIn(3))
    await Promise.all(keys.map(key => store.objects.put(key, [LARGE])))
    await store.objects.remove(keys[0]!)
    await store.objects.removeAll(keys.slice(1, 3))
    expect(await files()).toHaveLength(1)
    expect(await read(keys[3]!, 0, 5)).toBe('large')
    await store.objects.removeAll(keys)
    expect(await files()).toEqual([])
    expect(await readdir(join(directory, 'objects'))).not.toContain('ingest/0000000003')
    expect([count('packs'), count('packed')]).toEqual([0, 0])
    await store.objects.put(keys[0]!, [LARGE])
    expect(await read(keys[0]!, 0, 5)).toBe('large')
  })

  test('are of one epoch, and go with it', async () => {
    const epochs = [1, 2, 3, 0].map(epoch => [keyIn(epoch), keyIn(epoch)].toSorted())
    const [first, second, third, without] = epochs as [string[], string[], string[], string[]]
    // Each in its own order, all at the same time.
    await Promise.all(
      epochs
        .flat()
        .toReversed()
        .map(key => store.objects.put(key, [LARGE])),
    )
    expect((await files()).length).toBeGreaterThanOrEqual(4)
    expect(await listed()).toEqual(epochs.flat())
    expect(await listed('ingest/')).toEqual([...first, ...second, ...third])
    expect(await listed('ingest/0000000002/')).toEqual(second)
    expect(await listed('ingest/000000000')).toEqual([...first, ...second, ...third])
    expect(await listed('segments/')).toEqual(without)
    expect(await listed('ing', second[1])).toEqual([...first, second[0]])
    for (const key of epochs.flat()) {
      expect(await listed(key)).toEqual([key])
      expect(await listed(key.slice(0, -3))).toEqual([key])
    }
    expect(await listed('log/')).toEqual([])
    await store.objects.removeAll(second)
    expect(await files()).toSatisfy(
      (left: string[]) => !left.some(file => file.startsWith('ingest/0000000002/')),
    )
    expect(await listed()).toEqual([...first, ...third, ...without])
  })

  test('are listed however many they are', async () => {
    const keys = Array.from({ length: 2_500 }, (_, index) => keyIn(1 + (index % 3)))
    await Promise.all(keys.map(key => store.objects.put(key, [LARGE.subarray(0, 10)])))
    await Promise.all(keys.map(key => store.objects.put(key, [LARGE.subarray(0, 10)])))
    expect(await listed()).toEqual(keys.toSorted())
    await store.objects.removeAll(keys)
    expect(await listed()).toEqual([])
    await store.close()
    store = await openLocalStore(directory)
    expect(await files()).toEqual([])
  })

  test('go on in another when it has so much', { timeout: 60_000 }, async () => {
    const bytes = Buffer.alloc(PACK_BYTES_MAX / 4, 'tide')
    const keys = Array.from({ length: 5 }, () => keyIn(1))
    for (const key of keys) await store.objects.put(key, [bytes])
    expect(await files()).toHaveLength(2)
    for (const key of keys) expect(await read(key, bytes.length - 4, 9)).toBe('tide')
  })
})

describe('of two processes,', () => {
  let other: LocalStore
  beforeEach(async () => {
    other = await openLocalStore(directory)
  })
  afterEach(async () => {
    await other.close()
  })

  test('one may remove what the other has put, and the other goes on', async () => {
    const keys = Array.from({ length: 4 }, () => keyIn(1))
    for (const key of keys) {
      await store.objects.put(key, [LARGE])
      expect(await read(key, 0, 5, other)).toBe('large')
      await other.objects.removeAll([key])
      expect(await read(key)).toBeUndefined()
    }
    expect(await files()).toEqual([])
    const [last, small] = [keyIn(1), keyIn(1)]
    await store.objects.put(last, [LARGE])
    await store.objects.put(small, [Buffer.from('tide')])
    expect(await listed('', undefined, other)).toEqual([last, small].toSorted())
    await store.close()
    expect(await read(small, 0, 9, other)).toBe('tide')
    store = await openLocalStore(directory)
  })

  test('one may make a folder anew that the other has open', async () => {
    let made = 0
    // All into one folder.
    const named = vi
      .spyOn(crypto, 'randomBytes')
      .mockImplementation(((bytes: number) =>
        Buffer.alloc(bytes, ++made).fill(7, 0, 1)) as typeof crypto.randomBytes)
    syncBuiltinESMExports()
    onTestFinished(() => {
      named.mockRestore()
      syncBuiltinESMExports()
    })
    const openFiles = () => readdirSync('/proc/self/fd').length
    const [gone, kept, last] = [keyIn(1), keyIn(1), keyIn(1)]
    await store.objects.put(gone, [LARGE])
    await other.objects.removeAll([gone])
    await other.objects.put(kept, [LARGE])
    const before = openFiles()
    await store.objects.put(last, [LARGE])
    expect(openFiles() - before).toBe(0)
    for (const key of [kept, last]) expect(await read(key, 0, 5)).toBe('large')
    expect(await files()).toHaveLength(2)
  })

  test('each has files of its own', async () => {
    const keys = Array.from({ length: 20 }, () => keyIn(1))
    await Promise.all(
      keys.map((key, index) => (index % 2 === 0 ? store : other).objects.put(key, [Buffer.from(key), LARGE])),
    )
    for (const key of keys)
      for (const of of [store, other]) expect(await read(key, 0, key.length, of)).toBe(key)
    expect(await listed()).toEqual(keys.toSorted())
  })

  test('none takes away rows that have come since', async () => {
    const database = new DatabaseSync(join(directory, 'index', 'index.sqlite'))
    const { promise: reading, resolve: hasRead } = Promise.withResolvers<void>()
    const { promise: written, resolve: write } = Promise.withResolvers<void>()
    const insert = database.prepare('INSERT INTO objects (key, madeMs, value) VALUES (?, 0, ?)')
    const put = (key: string, value: string) => insert.run(key, Buffer.from(value))
    put(keyIn(1), 'tide')
    const slowly = folderOf({
      make: async () => {
        hasRead()
        await written
        return { handle: NO_FILE, isStill: () => true }
      },
    })
    const slow = new IngestObjects(rowsOf(database), slowly).close()
    await reading
    await new IngestObjects(rowsOf(database), folderOf()).close()
    const next = keyIn(1)
    put(next, 'ebb')
    write()
    await slow
    database.close()
    expect(await listed()).toContain(next)
  })
})

test('of an object that is in both listings, one is told', async () => {
  const at = (key: string, bytes: number) => ({ key, bytes, modifiedMs: 0 })
  const second = async function* () {
    yield at('b', 2)
    yield at('c', 2)
  }
  const merged: unknown[] = []
  for await (const each of mergeListings([at('a', 1), at('b', 1), at('d', 1)], second())) merged.push(each)
  expect(merged).toEqual([at('a', 1), at('b', 1), at('c', 2), at('d', 1)])
})

test('a row that cannot leave stays, and is read', async () => {
  const key = segmentKey(freshId())
  await store.objects.put(key, [Buffer.from('tide')])
  await rm(join(directory, 'objects'), { recursive: true })
  await store.close()
  expect(look(database => database.prepare('SELECT key FROM objects').all())).toEqual([{ key }])
  await rm(directory, { recursive: true })
  store = await openLocalStore(directory)
})

test('one that comes while it is looked whether any is left leaves as well', async () => {
  const database = new DatabaseSync(join(directory, 'index', 'index.sqlite'))
  const insert = database.prepare('INSERT INTO objects (key, madeMs, value) VALUES (?, 0, ?)')
  insert.run(keyIn(1), Buffer.from('tide'))
  const next = keyIn(1)
  let hasPut = false
  const rows = rowsOf(database, {
    read: async look => {
      const found = look()
      if (found === 0 && !hasPut) {
        hasPut = true
        await ingest.put(next, [Buffer.from('ebb')], false)
        database.exec('UPDATE objects SET madeMs = 0')
      }
      return found
    },
  })
  const ingest = new IngestObjects(rows, folderOf())
  ingest.start()
  const packed = () =>
    database.prepare('SELECT bytes FROM packed WHERE hex(object) = ?').get(basename(next).toUpperCase())
  await expect.poll(packed, { timeout: 10_000 }).toEqual({ bytes: 3 })
  await ingest.close()
  database.close()
})

test('those that could not be put take no room for good', async () => {
  let isFull = true
  const kinds: string[] = []
  const database = new DatabaseSync(join(directory, 'index', 'index.sqlite'))
  const rows = rowsOf(database, {
    writeAlong: along => {
      if (!isFull) along.apply()
      kinds.push(count('objects') > 0 ? 'row' : 'none')
    },
  })
  const ingest = new IngestObjects(
    rows,
    folderOf({ make: async () => Promise.reject(new StoreFailed('full')) }),
  )
  const put = () => ingest.put(keyIn(1), [Buffer.alloc(SMALL_OBJECT_BYTES_MAX)], true)
  // As rows, as long as there seems to be room, and then nowhere.
  await expect(
    (async () => {
      for (;;) await put()
    })(),
  ).rejects.toThrow('full')
  isFull = false
  const isTaken = () =>
    put().then(
      () => kinds.at(-1),
      () => 'refused',
    )
  await expect.poll(isTaken, { timeout: 10_000 }).toBe('row')
  await ingest.close()
  database.close()
})

test('a file of which nothing came goes once the disk has room again', async () => {
  let isFull = false
  const [made, removed]: [string[], string[]] = [[], []]
  const full = () => Promise.reject(new StoreFailed('full'))
  const database = new DatabaseSync(join(directory, 'index', 'index.sqlite'))
  const rows = rowsOf(database, { write: async apply => (isFull ? await full() : apply()) })
  const writev = async (chunks: readonly Uint8Array[]) => {
    isFull = made.length === 1
    return isFull ? await full() : { bytesWritten: Buffer.concat(chunks).length }
  }
  const folder = folderOf({
    make: async key => {
      made.push(key)
      return { handle: { ...NO_FILE, writev } as unknown as FileHandle, isStill: () => true }
    },
    remove: async key => void removed.push(key),
  })
  const ingest = new IngestObjects(rows, folder)
  const put = () => ingest.put(keyIn(1), [LARGE], true)
  await expect(put()).rejects.toThrow('full')
  expect([made.length, removed]).toEqual([1, []])
  isFull = false
  await put()
  expect(removed).toEqual(made.slice(0, 1))
  await ingest.close()
  expect([count('packs'), count('packed')]).toEqual([1, 1])
  database.close()
})

describe('the row of an object', () => {
  const entryIn = (key: string) => {
    const { epoch, object } = parseIngestKey(key)!
    return inlineEntry(1, { id: object, place: { kind: 'object', object, epoch, position: toPosition(0) } })
  }

  test.each([
    ['a small', [Buffer.from('small')]],
    ['a large', [LARGE]],
  ])('of %s one is there by itself soon, and at once with what names it', async (_, chunks) => {
    const partition = freshPartition(0)
    await store.index.createHead(partition, 0)
    const [alone, named] = [keyIn(1), keyIn(1)]
    await store.objects.put(alone, chunks, true)
    await expect.poll(() => count('objects') + count('packed'), { timeout: 10_000 }).toBe(1)
    await store.objects.put(named, chunks, true)
    await store.index.append(partition, entryIn(named), toOffset(0))
    expect(count('objects') + count('packed')).toBe(2)
  })

  test('is found by who put the object, whenever that is', async () => {
    for (const chunks of [[Buffer.from('large')], [LARGE]]) {
      const [read1, listed1, removed] = [keyIn(1), keyIn(1), keyIn(1)]
      await store.objects.put(read1, chunks, true)
      expect(await read(read1, 0, 5)).toBe('large')
      await store.objects.put(listed1, chunks, true)
      expect(await listed()).toContain(listed1)
      await store.objects.put(removed, chunks, true)
      await store.objects.removeAll([removed])
      expect(await read(removed)).toBeUndefined()
      await store.index.createHead(freshPartition(0), 0)
      expect(await read(removed)).toBeUndefined()
    }
  })

  test('has its bytes where another process has removed what they were written to', async () => {
    const [first, second] = [keyIn(1), keyIn(1)]
    await store.objects.put(first, [LARGE])
    expect(await read(first, 0, 5)).toBe('large')
    // Between the file's sync and the row.
    await store.objects.put(second, [Buffer.from('second '), LARGE], true)
    look(database => database.exec('DELETE FROM packed; DELETE FROM packs'))
    for (const file of await files()) await rm(join(directory, 'objects', file))
    expect(await read(second, 0, 12)).toBe('second large')
    await store.close()
    store = await openLocalStore(directory)
    expect(count('objects')).toBe(0)
    expect(await read(second, 0, 12)).toBe('second large')
  })
})

test('a directory of before is opened to read, and has none', async () => {
  await store.close()
  look(database => database.exec('DROP TABLE objects; DROP TABLE packs; DROP TABLE packed'))
  const reader = await openLocalStore(directory, 'read')
  expect(await read(keyIn(1), 0, 9, reader)).toBeUndefined()
  await expect(reader.objects.put(keyIn(1), [Buffer.from('tide')])).rejects.toThrow(StoreFailed)
  for await (const object of reader.objects.list()) expect(object).toBeUndefined()
  await reader.close()
  store = await openLocalStore(directory)
  await store.objects.put(keyIn(1), [Buffer.from('tide')])
  expect(await files()).toEqual([])
})

test('a directory of version 3, with rows and files, is read as it is, goes on, and is swept', async () => {
  const [row, file, both] = [keyIn(1), keyIn(1), keyIn(1)]
  await store.close()
  look(database => {
    database.exec('DROP TABLE packs; DROP TABLE packed')
    const put = database.prepare('INSERT INTO objects (key, madeMs, value) VALUES (?, ?, ?)')
    for (const key of [row, both]) put.run(key, Date.now(), Buffer.from(key))
  })
  for (const key of [file, both]) {
    await mkdir(join(directory, 'objects', key, '..'), { recursive: true })
    await writeFile(join(directory, 'objects', key), key)
  }
  const keys = [row, file, both].toSorted()
  const reader = await openLocalStore(directory, 'read')
  expect(await listed('', undefined, reader)).toEqual(keys)
  for (const key of keys) expect(await read(key, 0, 99, reader)).toBe(key)
  await reader.close()
  for (let times = 0; times < 2; times += 1) {
    store = await openLocalStore(directory)
    expect(await listed()).toEqual(keys)
    for (const key of keys) expect(await read(key)).toBe(key)
    await store.close()
    expect(count('objects')).toBe(0)
  }
  store = await openLocalStore(directory)
  await store.objects.removeAll(keys)
  expect(await files()).toEqual([])
})

describe('what a crash leaves of a file that objects were to share', () => {
  const name = keyIn(1)
  const path = () => join(directory, 'objects', name)
  const begin = (database: DatabaseSync) =>
    database
      .prepare('INSERT INTO packs (epoch, object, objects, madeMs) VALUES (1, ?, 0, 0)')
      .run(Buffer.from(basename(name), 'hex'))
  const make = async () => {
    await mkdir(join(path(), '..'), { recursive: true })
    await writeFile(path(), '')
  }

  test.each<[string, () => Promise<void>]>([
    ['after its row', async () => {}],
    ['after its file', make],
    [
      'after some of its bytes',
      async () => {
        await make()
        await appendFile(path(), LARGE)
      },
    ],
  ])('%s is nothing to anybody, and goes with the next', async (_, leave) => {
    await store.close()
    look(begin)
    await leave()
    store = await openLocalStore(directory)
    expect(await listed()).toEqual([])
    const key = keyIn(1)
    await store.objects.put(key, [LARGE])
    expect(await listed()).toEqual([key])
    expect(await read(key, 0, 5)).toBe('large')
    expect(await files()).toHaveLength(1)
    expect(await files()).not.toContain(name)
  })

  test('is an object like any, where the power failure has taken its row, and goes with its epoch', async () => {
    await store.close()
    await make()
    store = await openLocalStore(directory)
    await store.objects.put(keyIn(1), [LARGE])
    const keys = await listed('ingest/0000000001/')
    expect(keys).toContain(name)
    await store.objects.removeAll(keys)
    expect(await files()).toEqual([])
  })
})

test('a process that is killed at any moment leaves all that it has acknowledged, and the next has it leave the rows', {
  timeout: 120_000,
}, async () => {
  for (let round = 0; round < 4; round += 1) {
    const child = spawn(process.execPath, [WORKER, directory], { stdio: ['ignore', 'pipe', 'inherit'] })
    let told = ''
    child.stdout.on('data', chunk => {
      told += chunk
      if (told.split('\n').length > 20 * (round + 1)) child.kill('SIGKILL')
    })
    await once(child, 'close')
    const lines = told.split('\n').slice(0, -1)
    expect(lines.length).toBeGreaterThanOrEqual(20)
    for (const key of lines) expect(await read(key, 0, key.length)).toBe(key)
  }
  const all = await listed()
  // A store that is closed goes on for a while only.
  while (count('objects') > 0) {
    await store.close()
    store = await openLocalStore(directory)
  }
  expect(await listed()).toEqual(all)
  for (const key of all) expect(await read(key, 0, key.length)).toBe(key)
})
