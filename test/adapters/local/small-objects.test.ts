import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type LocalStore, openLocalStore } from '../../../src/adapters/local/local-store.ts'
import { mergeListings } from '../../../src/adapters/local/merge-listings.ts'
import { type Rows, SmallObjects } from '../../../src/adapters/local/small-objects.ts'
import { SMALL_OBJECT_BYTES_MAX, SMALL_OBJECTS_BYTES_MAX } from '../../../src/core/limits.ts'
import { toPosition } from '../../../src/core/numbers.ts'
import { ingestKey, segmentKey } from '../../../src/core/storage-layout.ts'
import { StoreFailed } from '../../../src/ports/outcome.ts'
import { freshId } from '../../conformance/samples.ts'

const WORKER = fileURLToPath(new URL('small-objects-worker.ts', import.meta.url))

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
const path = (key: string) => join(directory, 'objects', key)
const read = async (key: string, from = 0, bytes = 1_000_000, of = store) => {
  const found = await of.objects.get(key, toPosition(from), bytes)
  return found && Buffer.from(found).toString()
}
const listed = async (prefix?: string, below?: string) => {
  const keys: string[] = []
  for await (const { key } of store.objects.list(prefix, below)) keys.push(key)
  return keys
}
const files = async () =>
  (await readdir(join(directory, 'objects'), { recursive: true, withFileTypes: true }))
    .filter(entry => entry.isFile() && entry.name !== 'format.json')
    .map(entry => entry.name)

describe('a small object of a commit', () => {
  test('is no file at first, and is one once the store was closed', async () => {
    const key = keyIn(1)
    await store.objects.put(key, [Buffer.from('the '), Buffer.from('tide')])
    expect(await files()).toEqual([])
    expect(await read(key)).toBe('the tide')
    expect(await read(key, 4, 2)).toBe('ti')
    expect(await read(key, 100, 2)).toBe('')
    expect(await read(keyIn(1))).toBeUndefined()
    await store.close()
    store = await openLocalStore(directory)
    expect(await readFile(path(key), 'utf8')).toBe('the tide')
    expect(await read(key)).toBe('the tide')
    expect(await listed()).toEqual([key])
  })

  test('is read into memory that is given', async () => {
    const key = keyIn(1)
    await store.objects.put(key, [Buffer.from('the tide')])
    const into = Buffer.alloc(20, '-')
    const found = await store.objects.get(key, toPosition(4), 16, into)
    expect(found?.buffer).toBe(into.buffer)
    expect(Buffer.from(found!).toString()).toBe('tide')
  })

  test('is read by who only reads, in another process as well', async () => {
    const key = keyIn(1)
    await store.objects.put(key, [Buffer.from('tide')])
    const reader = await openLocalStore(directory, 'read')
    expect(await read(key, 0, 9, reader)).toBe('tide')
    await reader.close()
    expect(await files()).toEqual([])
  })

  test('becomes a file by itself after a while, and is there all the time', { timeout: 60_000 }, async () => {
    const keys = Array.from({ length: 40 }, () => keyIn(2)).toSorted()
    for (const key of keys) await store.objects.put(key, [Buffer.from(key)])
    while ((await files()).length < keys.length) {
      for (const key of keys) expect(await read(key)).toBe(key)
      expect(await listed()).toEqual(keys)
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    for (const key of keys) expect(await read(key)).toBe(key)
    expect(await listed()).toEqual(keys)
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
  })

  test('may be put again, as a row and as a file', async () => {
    const key = keyIn(1)
    for (let times = 0; times < 2; times += 1) await store.objects.put(key, [Buffer.from('tide')])
    await store.close()
    store = await openLocalStore(directory)
    await store.objects.put(key, [Buffer.from('tide')])
    expect(await listed()).toEqual([key])
    expect(await read(key)).toBe('tide')
  })
})

test('what is large, or settles, or is nothing at all, is a file at once', async () => {
  const log = `log/136b8372-2ff2-4d0b-8dd0-e1a4c1a3b1d2/0/${'0'.repeat(16)}-${freshId()}`
  await store.objects.put(keyIn(1), [Buffer.alloc(SMALL_OBJECT_BYTES_MAX + 1)])
  await store.objects.put(log, [Buffer.from('tide')])
  await store.objects.put(keyIn(1), [])
  expect(await files()).toHaveLength(3)
  await store.objects.put(keyIn(1), [Buffer.alloc(SMALL_OBJECT_BYTES_MAX)])
  expect(await files()).toHaveLength(3)
})

test('rows and files are listed in the order of their keys, from one epoch on and below another', async () => {
  const keys = [1, 2, 3].flatMap(epoch => [keyIn(epoch), keyIn(epoch)]).toSorted()
  for (const [index, key] of keys.entries())
    await store.objects.put(key, [Buffer.alloc(index % 2 === 0 ? 10 : SMALL_OBJECT_BYTES_MAX + 1, 1)])
  expect(await listed()).toEqual(keys)
  expect(await listed('ingest/0000000002/')).toEqual(keys.slice(2, 4))
  expect(await listed('ingest/', keys[3])).toEqual(keys.slice(0, 3))
  const sizes: number[] = []
  for await (const { bytes } of store.objects.list()) sizes.push(bytes)
  expect(sizes).toEqual(keys.map((_, index) => (index % 2 === 0 ? 10 : SMALL_OBJECT_BYTES_MAX + 1)))
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

test('there are only so many bytes of rows', () => {
  const none = async () => undefined as never
  const rows: Rows = { prepare: () => undefined as never, read: none, write: none }
  const small = new SmallObjects(rows, none)
  expect(small.takes(segmentKey(freshId()), SMALL_OBJECT_BYTES_MAX)).toBe(true)
  let bytes = 0
  while (small.takes(segmentKey(freshId()), SMALL_OBJECT_BYTES_MAX)) {
    void small.put(segmentKey(freshId()), [new Uint8Array(SMALL_OBJECT_BYTES_MAX)])
    bytes += SMALL_OBJECT_BYTES_MAX
  }
  expect(bytes).toBe(SMALL_OBJECTS_BYTES_MAX)
})

test('a row that cannot become a file stays, and is read', async () => {
  const key = segmentKey(freshId())
  await store.objects.put(key, [Buffer.from('tide')])
  await rm(join(directory, 'objects'), { recursive: true })
  await store.close()
  const database = new DatabaseSync(join(directory, 'index', 'index.sqlite'))
  expect(database.prepare('SELECT key FROM objects').all()).toEqual([{ key }])
  database.close()
  await rm(directory, { recursive: true })
  store = await openLocalStore(directory)
})

test('of two processes that make files at the same time, none takes away what has come since', async () => {
  const database = new DatabaseSync(join(directory, 'index', 'index.sqlite'))
  const rows: Rows = {
    prepare: statement => database.prepare(statement),
    read: async look => look(),
    write: async apply => apply(),
  }
  const { promise: reading, resolve: hasRead } = Promise.withResolvers<void>()
  const { promise: written, resolve: write } = Promise.withResolvers<void>()
  const insert = database.prepare('INSERT INTO objects (key, madeMs, value) VALUES (?, 0, ?)')
  const put = (key: string, value: string) => insert.run(key, Buffer.from(value))
  put(keyIn(1), 'tide')
  const slow = new SmallObjects(rows, () => {
    hasRead()
    return written
  }).close()
  await reading
  await new SmallObjects(rows, async () => {}).close()
  const next = keyIn(1)
  put(next, 'ebb')
  write()
  await slow
  database.close()
  expect(await read(next)).toBe('ebb')
})

test('one that comes while it is looked whether any is left becomes a file as well', async () => {
  const database = new DatabaseSync(join(directory, 'index', 'index.sqlite'))
  const insert = database.prepare('INSERT INTO objects (key, madeMs, value) VALUES (?, 0, ?)')
  insert.run(keyIn(1), Buffer.from('tide'))
  const next = keyIn(1)
  const rows: Rows = {
    prepare: statement => database.prepare(statement),
    read: async look => {
      const found = look()
      if ((found as { bytes?: number } | undefined)?.bytes === 0 && made.length === 1) {
        await small.put(next, [Buffer.from('ebb')])
        database.exec('UPDATE objects SET madeMs = 0')
      }
      return found
    },
    write: async apply => apply(),
  }
  const made: string[] = []
  const small = new SmallObjects(rows, async key => void made.push(key))
  small.start()
  await expect.poll(() => made.at(-1)).toBe(next)
  await small.close()
  database.close()
})

test('those that could not be put take no room for good', async () => {
  const rows: Rows = {
    prepare: () => ({ get: () => undefined }) as never,
    read: async look => look(),
    write: async () => {
      throw new StoreFailed('full')
    },
  }
  const small = new SmallObjects(rows, async () => {})
  const bytes = new Uint8Array(SMALL_OBJECT_BYTES_MAX)
  while (small.takes(keyIn(1), bytes.length))
    await expect(small.put(keyIn(1), [bytes])).rejects.toThrow('full')
  await expect.poll(() => small.takes(keyIn(1), bytes.length)).toBe(true)
  await small.close()
})

test('a directory of before is opened to read, and has none', async () => {
  await store.close()
  const database = new DatabaseSync(join(directory, 'index', 'index.sqlite'))
  database.exec('DROP TABLE objects')
  database.close()
  const reader = await openLocalStore(directory, 'read')
  expect(await read(keyIn(1), 0, 9, reader)).toBeUndefined()
  await expect(reader.objects.put(keyIn(1), [Buffer.from('tide')])).rejects.toThrow(StoreFailed)
  for await (const object of reader.objects.list()) expect(object).toBeUndefined()
  await reader.close()
  store = await openLocalStore(directory)
  await store.objects.put(keyIn(1), [Buffer.from('tide')])
  expect(await files()).toEqual([])
})

test('a process that is killed at any moment leaves all that it has acknowledged, and the next makes files of it', {
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
    for (const key of lines) expect(await read(key)).toBe(key)
  }
  const all = await listed()
  // A store that is closed goes on for a while only.
  while ((await files()).length < all.length) {
    await store.close()
    store = await openLocalStore(directory)
  }
  expect(await listed()).toEqual(all)
})
